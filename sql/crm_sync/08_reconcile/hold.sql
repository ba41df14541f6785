-- Whoever works on a delivery that is under way, as erase() in a transaction left open, holds up its envelope and no other:
-- before anything of an envelope is written, all rows that this writes are locked, and none is waited for.

create function crm_sync._hold_envelope(p_envelope_id uuid)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Its deliveries, and whatever of their rows is not finished: _after_settle() may supersede it. Row by row, by the row's
    -- index, as there.
    v_written    bigint[] := array(
                     select distinct written.delivery_id
                     from crm_sync.deliveries as own
                     cross join lateral (
                         select deliveries.delivery_id, deliveries.status
                         from crm_sync.deliveries
                         where deliveries.row_id = own.row_id
                           and deliveries.table_name = own.table_name
                           and deliveries.route = own.route
                         offset 0
                     ) as written
                     where own.envelope_id = p_envelope_id
                       and own.status = 'in_flight'
                       and (written.delivery_id = own.delivery_id or written.status in ('pending', 'dead')));
    v_held_count int;
begin
    perform from crm_sync.deliveries where deliveries.delivery_id = any (v_written) for no key update skip locked;
    get diagnostics v_held_count = row_count;
    return v_held_count = cardinality(v_written);
end;
$$;

comment on function crm_sync._hold_envelope(uuid) is
    'Locks whatever settling this envelope may write in the ledger; false: another session holds some of it. Called before an answer is taken.';

revoke all on function crm_sync._hold_envelope(uuid) from public;
