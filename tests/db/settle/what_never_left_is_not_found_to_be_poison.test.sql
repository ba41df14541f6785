begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
-- Alone three times while nobody was answered: it waits. Since then others are, and stop() takes it back from the queue.
update crm_sync.deliveries
set status = 'in_flight', envelope_id = '11111111-1111-4111-8111-111111111111', record = '{}', claimed_at = now(),
    failed_alone_count = 3, failed_alone_since = '2039-01-01';
insert into crm_sync.envelopes (envelope_id, destination, request_id, delivery_count, dispatched_at, lease_until)
values ('11111111-1111-4111-8111-111111111111', 'monelec', 1, 1, now(), now() + interval '2 minutes');
insert into crm_sync.envelopes (envelope_id, destination, request_id, delivery_count, dispatched_at, lease_until, status, settled_at)
select gen_random_uuid(), 'elementor', 0, 1, '2039-06-01', '2039-06-01', 'answered', '2039-06-01' from generate_series(1, 5);
select crm_sync._settle(array[
    row((select delivery_id from crm_sync.deliveries), '11111111-1111-4111-8111-111111111111', 'not_attempted', false, false,
        null, null, 'taken_back', 'never left pg_net''s queue')::crm_sync.settlement], '2040-01-01');
select results_eq(
    'select status, failed_alone_count from crm_sync.deliveries', $$values ('pending', 3)$$,
    'only a try can tell, and this was none');

select * from finish();
rollback;
