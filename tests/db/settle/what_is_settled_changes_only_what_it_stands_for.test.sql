begin;
set local search_path = public, extensions;
select plan(5);
update crm_sync.settings set is_running = false;

-- Leaves in an envelope of its own, and comes back.
create function pg_temp.settle(p_delivery_id bigint, p_outcome text) returns int language sql as $$
    insert into crm_sync.envelopes (envelope_id, destination, request_id, delivery_count, dispatched_at, lease_until)
    select overlay('11111111-1111-4111-8111-000000000000' placing lpad(delivery_id::text, 12, '0') from 25)::uuid,
           destination, 1, 1, now(), now() + interval '2 minutes' from crm_sync.deliveries where delivery_id = p_delivery_id;
    update crm_sync.deliveries
    set status = 'in_flight', claimed_at = now(), record = coalesce(record, '{}'), finished_at = null,
        envelope_id = overlay('11111111-1111-4111-8111-000000000000' placing lpad(delivery_id::text, 12, '0') from 25)::uuid
    where delivery_id = p_delivery_id;
    select crm_sync._settle(array(
        select row(delivery_id, envelope_id, p_outcome, true, false, 200, null, null, null)::crm_sync.settlement
        from crm_sync.deliveries where delivery_id = p_delivery_id), now());
$$;
create function pg_temp.id(p_row_id text, p_operation text default 'INSERT') returns bigint language sql as $$
    select delivery_id from crm_sync.deliveries where row_id = p_row_id and operation = p_operation;
$$;
create table public.visits (id text primary key, label text);
create table public.calls (id text primary key, label text);
select crm_sync.attach('visits', 'order_confirmation', array['label'], $$'visit:' || new.id$$);
select crm_sync.attach('calls', 'order_confirmation', array['label'], $$'call:' || new.id$$);

insert into visits values ('a', 'x');
update visits set label = 'y';
update crm_sync.deliveries set status = 'dead', finished_at = now() where delivery_id = pg_temp.id('a');
update crm_sync.deliveries set status = 'delivered', finished_at = now() where delivery_id = pg_temp.id('a', 'UPDATE');
insert into visits values ('b', 'x');
select pg_temp.settle(pg_temp.id('b'), 'delivered');
select is((select status from crm_sync.deliveries where delivery_id = pg_temp.id('a')), 'dead', 'not what ended before, for which nothing new was delivered');

insert into visits values ('c', 'x');
select pg_temp.settle(pg_temp.id('c'), 'reject');
insert into calls values ('c', 'x');
select pg_temp.settle((select delivery_id from crm_sync.deliveries where table_name = 'public.calls'), 'delivered');
select is(
    (select status from crm_sync.deliveries where row_id = 'c' and table_name = 'public.visits'), 'dead', 'not a row of another table with the same id');

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
update leads set email = 'ada@corrected.test';
update crm_sync.deliveries set covered_by = pg_temp.id('10000000-0000-4000-8000-000000000001', 'UPDATE'), status = 'cancelled', finished_at = now()
where delivery_id = pg_temp.id('10000000-0000-4000-8000-000000000001');
select pg_temp.settle(pg_temp.id('10000000-0000-4000-8000-000000000001', 'UPDATE'), 'delivered');
select is(
    (select status from crm_sync.deliveries where delivery_id = pg_temp.id('10000000-0000-4000-8000-000000000001')), 'cancelled',
    'nor what an operator cancelled');

insert into visits values ('d', 'x');
update visits set label = 'y' where id = 'd';
select pg_temp.settle(pg_temp.id('d', 'UPDATE'), 'reject');
insert into visits values ('e', 'x');
update crm_sync.deliveries set is_parked = true where delivery_id = pg_temp.id('e');
select pg_temp.settle(pg_temp.id('d'), 'delivered');
select is((select status from crm_sync.deliveries where delivery_id = pg_temp.id('d', 'UPDATE')), 'dead', 'nor what was captured after it');
select is((select is_parked from crm_sync.deliveries where delivery_id = pg_temp.id('e')), true, 'and it wakes no other key');

select * from finish();
rollback;
