begin;
set local search_path = public, extensions;
select plan(2);
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
select crm_sync.attach('visits', 'request', array['label'], $$'visit:' || new.id$$);

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into visits values ('a', 'x');
select pg_temp.settle(pg_temp.id('10000000-0000-4000-8000-000000000001'), 'delivered');
update crm_sync.routes set last_delivered_at = now() - interval '1 day';
update crm_sync.destinations set last_delivered_at = now() - interval '1 day';
select pg_temp.settle(pg_temp.id('a'), 'delivered');
select results_eq(
    $$select route from crm_sync.routes where last_delivered_at = now()$$, $$values ('request')$$,
    'one endpoint may be out for days while the others of its receiver answer');
select results_eq(
    $$select destination, now() - last_delivered_at from crm_sync.destinations order by 1$$,
    $$values ('elementor', interval '1 day'), ('monelec', interval '0')$$, 'and its receiver has taken something');

select * from finish();
rollback;
