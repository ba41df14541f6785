-- Operators' calls wait for each other, and for a tick, in one order: what is still to be captured, by id; then keys, by their
-- locks' numbers; then deliveries, by id. All of a kind at once, before any of it is written: a call that came back for more
-- could meet another one doing the same. The tick, and stop(), wait for none of these.

create function crm_sync._lock_deliveries(p_delivery_ids bigint[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform crm_sync._lock_keys_waiting(p_delivery_ids);
    perform from crm_sync.deliveries
    where deliveries.delivery_id = any (p_delivery_ids)
    order by deliveries.delivery_id
    for no key update;
end;
$$;

create function crm_sync._lock_keys_waiting(p_delivery_ids bigint[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(1129467219, locks.number)
    from (
        select distinct hashtext(deliveries.destination || ' ' || deliveries.ordering_key) & 1023 as number
        from crm_sync.deliveries
        where deliveries.delivery_id = any (p_delivery_ids)
        order by 1
    ) as locks;
end;
$$;

create function crm_sync._lock_uncaptured(p_table_names text[], p_row_ids text[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from crm_sync.capture_failures as failures
    where exists (
        select from unnest(p_table_names, p_row_ids) as wanted (table_name, row_id)
        where wanted.table_name = failures.table_name and wanted.row_id = any (failures.row_ids)
    )
    order by failures.capture_failure_id
    for update;
    perform from crm_sync.related_changes as changes
    where (changes.table_name, changes.row_id) in (select * from unnest(p_table_names, p_row_ids))
    order by changes.related_change_id
    for update;
end;
$$;

comment on function crm_sync._lock_deliveries(bigint[]) is
    'Takes the locks of these deliveries'' keys and then their rows, waiting for them. Once in a call, with all that it will write.';
comment on function crm_sync._lock_keys_waiting(bigint[]) is 'Takes the locks of these deliveries'' keys, waiting for them: for operators, never for capture or dispatch.';
comment on function crm_sync._lock_uncaptured(text[], text[]) is 'Locks changes of these rows, given as tables and ids, that are still to be captured. Before deliveries.';

revoke all on function crm_sync._lock_deliveries(bigint[]), crm_sync._lock_keys_waiting(bigint[]),
    crm_sync._lock_uncaptured(text[], text[]) from public;
