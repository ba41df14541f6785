-- Whoever works on a delivery that is under way, as erase() in a transaction left open, holds up its envelope and no other:
-- before anything of an envelope is written, all rows that this writes are locked, and none is waited for.

create function crm_sync._hold_envelope(p_envelope_id uuid)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_written    bigint[] := crm_sync._written_with(p_envelope_id);
    v_held_count int;
begin
    perform from crm_sync.deliveries where deliveries.delivery_id = any (v_written) for no key update skip locked;
    get diagnostics v_held_count = row_count;
    return v_held_count = cardinality(v_written);
end;
$$;

create function crm_sync._written_with(p_envelope_id uuid)
returns bigint[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Its deliveries, and the older ones that their outcomes may supersede (_after_settle): row by row, by the row's index.
    return array(
        select distinct written.delivery_id
        from crm_sync.deliveries as own
        cross join lateral (
            select deliveries.delivery_id, deliveries.status, deliveries.covered_by
            from crm_sync.deliveries
            where deliveries.row_id = own.row_id
              and deliveries.table_name = own.table_name
              and deliveries.route = own.route
            offset 0
        ) as written
        where own.envelope_id = p_envelope_id
          and own.status = 'in_flight'
          and (
              written.delivery_id = own.delivery_id
              or (written.status = 'pending' and written.covered_by = own.delivery_id)
              or (written.status = 'dead' and written.delivery_id < own.delivery_id)
          )
    );
end;
$$;

comment on function crm_sync._hold_envelope(uuid) is
    'Locks whatever settling this envelope writes in the ledger; false: another session holds some of it. Called before an answer is taken.';
comment on function crm_sync._written_with(uuid) is 'The deliveries in flight in an envelope, and those that their outcomes may supersede.';

revoke all on function crm_sync._hold_envelope(uuid), crm_sync._written_with(uuid) from public;
