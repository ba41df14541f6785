begin;
set local search_path = public, extensions;
select plan(3);
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

create table public.visits (id int primary key, quantity int);
select crm_sync.attach('visits', 'order_confirmation', array['quantity'], $$'visit:' || new.id$$, p_transition => $$old.quantity is null$$);
insert into orders (id, status, quantity) values ('50000000-0000-4000-8000-000000000001', 'confirmed', 0);
select pg_temp.in_flight('11111111-1111-4111-8111-111111111111');
update orders set quantity = 2;
select pg_temp.refused();
select results_eq(
    $$select status, record ->> 'quantity' from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('dead', '0'), ('pending', '2')$$, 'whatever else the route is attached to');
update crm_sync.deliveries set status = 'cancelled', finished_at = now() where status = 'pending';

insert into payments (id, stripe_session_id, amount) values ('40000000-0000-4000-8000-000000000001', 'cs_1', 1);
select pg_temp.in_flight('11111111-1111-4111-8111-111111111112');
update payments set amount = 2;
select pg_temp.refused();
select results_eq(
    $$select route, status, record ->> 'amount' from crm_sync.deliveries where table_name = 'public.payments' order by delivery_id$$,
    $$values ('payment_session', 'dead', '1'), ('payment_session', 'pending', '2')$$, 'whatever else the table is attached to');
update crm_sync.deliveries set status = 'cancelled', finished_at = now() where status = 'pending';

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
select pg_temp.in_flight('11111111-1111-4111-8111-111111111113');
update leads set email = 'ada@mended.test';
select pg_temp.refused();
select results_eq(
    $$select operation, status from crm_sync.deliveries where table_name = 'public.leads' order by delivery_id$$,
    $$values ('INSERT', 'dead'), ('UPDATE', 'pending')$$, 'a state was fired by the mending itself');

select * from finish();
rollback;
