-- One marked record of nobody, end to end: ledger, tick, pg_net, function, mapper, receiver, answer, settle. The receiver
-- gets it as any other, always the same entity.

create function crm_sync.test_delivery(p_route text, p_note text default null)
returns table (delivery_id bigint, destination_state text, see text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_route crm_sync.routes;
begin
    perform crm_sync._require_route(p_route);
    select * into strict v_route from crm_sync.routes where routes.route = p_route;
    if v_route.test_record is null then
        raise exception 'route "%" has no test record', p_route
            using errcode = 'CS027', hint = format('update crm_sync.routes set test_record = ''{…}'' where route = %L;', p_route);
    end if;
    -- Claimed already: the record is frozen, no row is read.
    insert into crm_sync.deliveries (route, destination, table_name, row_id, operation, ordering_key, record, claimed_at)
    values (p_route, v_route.destination, 'crm_sync.test_delivery', p_route, 'TEST', 'test:' || p_route, v_route.test_record, clock_timestamp())
    returning deliveries.delivery_id into delivery_id;
    perform crm_sync._note_operation(
        'test_delivery', jsonb_build_object('route', p_route, 'delivery_ids', array[delivery_id]), 1, p_note);
    destination_state := crm_sync._destination_state(v_route.destination);
    see := format('select status, last_status, last_error_code, last_error from crm_sync.delivery_log where delivery_id = %s;', delivery_id);
    return next;
end;
$$;

comment on function crm_sync.test_delivery(text, text) is
    'Sends routes.test_record to the route''s receiver by the next tick, and returns where to see what came of it; destination_state other than open: it waits. The receiver must know that it is a test: it says so, and each is the same entity. Role: crm_sync_operator. Errors: CS002 unknown route, CS027 no test record.';

revoke all on function crm_sync.test_delivery(text, text) from public;
grant execute on function crm_sync.test_delivery(text, text) to crm_sync_operator;
