begin;
set local search_path = public, extensions;
select plan(4);
update crm_sync.settings set is_running = false;

insert into orders (id, status, quantity, client_city)
values ('50000000-0000-4000-8000-000000000001', 'confirmed', 0, 'Lyon'),
       ('50000000-0000-4000-8000-000000000002', 'confirmed', 0, 'Lyon');
create function pg_temp.refuse(p_row_id text) returns void language sql as $$
    update crm_sync.deliveries
    set status = 'in_flight', claimed_at = now(), envelope_id = '11111111-1111-4111-8111-111111111111', finished_at = null
    where row_id = p_row_id and status = 'pending';
    insert into crm_sync.envelopes (envelope_id, destination, request_id, delivery_count, dispatched_at, lease_until)
    values ('11111111-1111-4111-8111-111111111111', 'elementor', 1, 1, now(), now() + interval '2 minutes')
    on conflict do nothing;
$$;
create function pg_temp.goes_dead(p_row_id text) returns int language sql as $$
    select crm_sync._settle(array(
        select row(delivery_id, envelope_id, 'reject', true, false, 422, null, 'receiver_status_422', 'no')::crm_sync.settlement
        from crm_sync.deliveries where row_id = p_row_id and status = 'in_flight'), now());
$$;

select pg_temp.refuse('50000000-0000-4000-8000-000000000001');
update orders set quantity = 2 where id = '50000000-0000-4000-8000-000000000001';
select is((select count(*)::int from crm_sync.deliveries), 2, 'becoming confirmed lies in the past: the correction fires nothing');
select pg_temp.goes_dead('50000000-0000-4000-8000-000000000001');
select results_eq(
    $$select status, record ->> 'quantity' from crm_sync.deliveries where row_id like '%1' order by delivery_id$$,
    $$values ('dead', '0'), ('pending', '2')$$, 'until its delivery goes dead, with the values from before');

select pg_temp.refuse('50000000-0000-4000-8000-000000000002');
update orders set updated_at = now(), status = 'confirmed' where id = '50000000-0000-4000-8000-000000000002';
select pg_temp.goes_dead('50000000-0000-4000-8000-000000000002');
select is((select count(*)::int from crm_sync.deliveries where row_id like '%2'), 1, 'a row that was not mended waits to be');

update crm_sync.deliveries set status = 'in_flight', envelope_id = '11111111-1111-4111-8111-111111111111' where status = 'pending';
update orders set status = 'cancelled', quantity = 3 where id = '50000000-0000-4000-8000-000000000001';
select pg_temp.goes_dead('50000000-0000-4000-8000-000000000001');
select is((select count(*)::int from crm_sync.deliveries where row_id like '%1'), 2, 'nor does one that the route is no longer about');

select * from finish();
rollback;
