-- Shadow mode, the other half: while stopped everything is captured and nothing leaves, and this asks the function what it would
-- make of what waits, some hundred deliveries a call. Nothing is claimed, frozen or sent to a receiver.

create function crm_sync.dry_run_pending(p_after bigint default 0, p_limit int default 100, p_note text default null)
returns table (dry_run_id uuid, delivery_count int, last_delivery_id bigint, see text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO'
as $$
declare
    v_deliveries jsonb;
    v_request    bigint;
begin
    select jsonb_agg(waiting.delivery order by waiting.delivery_id) filter (where waiting.delivery is not null),
           count(waiting.delivery), max(waiting.delivery_id)
    into v_deliveries, delivery_count, last_delivery_id
    from crm_sync._dry_pending(p_after, p_limit) as waiting;
    if last_delivery_id is null then
        raise exception 'nothing waits behind delivery %', p_after
            using errcode = 'CS035', hint = 'select status, count(*) from crm_sync.delivery_log group by status;';
    end if;
    if delivery_count = 0 then
        see := format('select * from crm_sync.dry_run_pending(%s);', last_delivery_id);
        return next;
        return;
    end if;
    dry_run_id := gen_random_uuid();
    see := format('select would, route, error, count(*) from crm_sync.dry_run_pending_result(%L) group by 1, 2, 3;', dry_run_id);
    v_request := crm_sync._post_signed(
        crm_sync._required_function_access(), dry_run_id, crm_sync._dry_envelope(v_deliveries, 'true'),
        (select settings.request_timeout from crm_sync.settings));
    perform crm_sync._note_operation('dry_run', jsonb_build_object(
        'after', p_after, 'dry_run_id', dry_run_id, 'request_id', v_request), delivery_count, p_note);
    return next;
end;
$$;

create function crm_sync._dry_pending(p_after bigint, p_limit int)
returns table (delivery_id bigint, delivery jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_settings crm_sync.settings;
    v_ids      bigint[];
begin
    select * into strict v_settings from crm_sync.settings;
    v_ids := array(
        select waiting.delivery_id from crm_sync.deliveries as waiting
        where waiting.status = 'pending' and waiting.delivery_id > p_after
        order by waiting.delivery_id
        limit least(p_limit, v_settings.max_envelope_deliveries));
    return query
    select sized.delivery_id, sized.delivery
    from (
        select made.delivery_id, fitting.delivery,
               sum(coalesce(octet_length(fitting.delivery::text) + 2, 0)) over (order by made.delivery_id) as bytes
        from (
            select deliveries.delivery_id,
                   case when not built.is_gone then crm_sync._dry_delivery(deliveries, built.record, built.ordering_key) end as delivery
            from crm_sync.deliveries
            left join crm_sync._build_records(v_ids) as built on built.delivery_id = deliveries.delivery_id
            where deliveries.delivery_id = any (v_ids)
        ) as made
        left join lateral (
            select made.delivery where octet_length(made.delivery::text) + 2 < v_settings.max_delivery_bytes
        ) as fitting on true
    ) as sized
    where sized.bytes < v_settings.max_delivery_bytes;
end;
$$;

create function crm_sync.dry_run_pending_result(p_dry_run_id uuid)
returns table (delivery_id bigint, route text, row_id text, would text, payload jsonb, error_code text, error text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select results.delivery_id, results.route, deliveries.row_id, results.would, results.payload, results.error_code, results.error
    from jsonb_to_recordset(crm_sync._dry_run_answer(p_dry_run_id)) as results (
        delivery_id bigint, route text, would text, payload jsonb, error_code text, error text)
    left join crm_sync.deliveries on deliveries.delivery_id = results.delivery_id
    order by results.delivery_id;
end;
$$;

comment on function crm_sync.dry_run_pending(bigint, int, text) is
    'Asks the function what it would send for deliveries that wait, oldest first, behind p_after: as many as one request to pg_net may hold. The next ones: p_after => last_delivery_id. The answer, values masked, a second later: dry_run_pending_result(dry_run_id). What is larger than a request, can not be read or whose row is gone is left out; where that is all, nothing is asked and dry_run_id is null. Safe to repeat. Role: crm_sync_operator. Errors: CS010 Vault is not set up, CS035 nothing waits.';
comment on function crm_sync.dry_run_pending_result(uuid) is
    'The answer, a row for each delivery. would: send, reject (the record is at fault), misconfigured, wait (no answer yet), fail (no usable one). Waits for nothing; safe to repeat for 6 hours. Role: crm_sync_operator. Error: CS032 no such dry run.';
comment on function crm_sync._dry_pending(bigint, int) is 'Deliveries that wait, as an envelope would hold them with the records that they would have now; null: left out.';

revoke all on function crm_sync.dry_run_pending(bigint, int, text), crm_sync.dry_run_pending_result(uuid),
    crm_sync._dry_pending(bigint, int) from public;
grant execute on function crm_sync.dry_run_pending(bigint, int, text), crm_sync.dry_run_pending_result(uuid) to crm_sync_operator;
