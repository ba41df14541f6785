-- Takes deliveries out for good, while they wait or are dead. One that is in flight is not stopped.

create function crm_sync.cancel(p_delivery_ids bigint[], p_note text default null)
returns table (delivery_id bigint, cancelled boolean, reason text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_cancelled bigint[];
begin
    perform crm_sync._note_if_null(p_delivery_ids);
    v_cancelled := crm_sync._cancel(p_delivery_ids, array['pending', 'dead'], 'cancelled_by_operator');
    perform crm_sync._note_operation(
        'cancel', jsonb_build_object('delivery_ids', p_delivery_ids), cardinality(v_cancelled), p_note);
    return query
    select ids.delivery_id, ids.delivery_id = any (v_cancelled),
           case
               when ids.delivery_id = any (v_cancelled) then null
               when deliveries.delivery_id is null then 'no such delivery'
               when deliveries.status = 'in_flight' then 'it is in flight; its outcome comes first'
               else 'it is ' || deliveries.status
           end
    from (select distinct unnest(p_delivery_ids) as delivery_id) as ids
    left join crm_sync.deliveries on deliveries.delivery_id = ids.delivery_id
    order by ids.delivery_id;
end;
$$;

create function crm_sync._cancel(p_delivery_ids bigint[], p_of text[], p_error_code text)
returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_cancelled bigint[];
begin
    perform crm_sync._lock_deliveries(p_delivery_ids);
    with cancelled as (
        update crm_sync.deliveries
        set status = 'cancelled', last_error_code = p_error_code, finished_at = clock_timestamp(), is_parked = false
        where deliveries.delivery_id = any (p_delivery_ids) and deliveries.status = any (p_of)
        returning deliveries.delivery_id
    )
    select coalesce(array_agg(cancelled.delivery_id), '{}') into v_cancelled from cancelled;
    perform crm_sync._after_settle(v_cancelled, clock_timestamp());
    return v_cancelled;
end;
$$;

comment on function crm_sync.cancel(bigint[], text) is
    'Cancels pending or dead deliveries for good; the next of their keys go on. Returns each id, whether it was cancelled, and if not why. Safe to repeat; null does nothing, with a notice (CS060). Role: crm_sync_operator.';
comment on function crm_sync._cancel(bigint[], text[], text) is
    'Cancels those that have one of these statuses, under this error code; returns them. Waits for their locks.';

revoke all on function crm_sync.cancel(bigint[], text), crm_sync._cancel(bigint[], text[], text) from public;
grant execute on function crm_sync.cancel(bigint[], text) to crm_sync_operator;
