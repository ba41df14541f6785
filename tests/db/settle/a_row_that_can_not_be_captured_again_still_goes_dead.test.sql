begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = false;

create function pg_temp.in_flight(p_envelope_id uuid) returns void language sql as $$
    insert into crm_sync.envelopes (envelope_id, destination, request_id, delivery_count, dispatched_at, lease_until)
    select p_envelope_id, min(destination), 1, count(*), now(), now() + interval '2 minutes' from crm_sync.deliveries where status = 'pending';
    update crm_sync.deliveries
    set status = 'in_flight', claimed_at = now(), envelope_id = p_envelope_id, finished_at = null,
        record = coalesce(record, jsonb_build_object('id', row_id, 'email', 'ada@example.test'))
    where status = 'pending';
$$;
create function pg_temp.refused() returns int language sql as $$
    select crm_sync._settle(array(
        select row(delivery_id, envelope_id, 'reject', true, false, 422, null, 'receiver_status_422', 'no')::crm_sync.settlement
        from crm_sync.deliveries where status = 'in_flight'), now());
$$;

insert into orders (id, status, quantity) values ('50000000-0000-4000-8000-000000000001', 'confirmed', 0);
select pg_temp.in_flight('11111111-1111-4111-8111-111111111111');
alter table orders rename column quantity to pieces;
select pg_temp.refused();
select results_eq(
    $$select status from crm_sync.deliveries where captured_at >= now()$$, array['dead'], 'its own outcome is kept');
select results_eq(
    $$select place, sql_state from crm_sync.faults$$,
    $$values ('mended row of public.orders', '42703')$$, 'and what stood in the way is noted');

select * from finish();
rollback;
