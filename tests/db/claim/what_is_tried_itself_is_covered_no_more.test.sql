begin;
set local search_path = public, extensions;
select plan(3);
select vault.create_secret('https://fake.example/crm-sync', 'crm_sync_function_url');
select vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
update crm_sync.settings set is_running = true;

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
update leads set email = 'eve@example.test';
update crm_sync.deliveries set dispatch_at_commit = false;
create temp view old_and_new as select min(delivery_id) as older, max(delivery_id) as newer from crm_sync.deliveries;
-- The older state was attempted, the newer one stood for it and went dead: now the older is tried.
update crm_sync.deliveries set claimed_at = now() - interval '1 hour', record = '{"id": 1}', covered_by = (select newer from old_and_new)
where delivery_id = (select older from old_and_new);
update crm_sync.deliveries set status = 'dead', finished_at = now(), record = '{"id": 1}', claimed_at = now() - interval '1 minute', last_error_code = 'x'
where delivery_id = (select newer from old_and_new);
select crm_sync.tick();
select results_eq(
    'select status, covered_by from crm_sync.deliveries where delivery_id = (select older from old_and_new)',
    $$values ('in_flight', null::bigint)$$, 'it stands for itself');

select ok((select redelivered from crm_sync.redeliver(array(select newer from old_and_new), p_force => true)), 'the newer one is redelivered meanwhile');
select crm_sync.tick();
select is(
    (select count(distinct envelope_id)::int from crm_sync.deliveries where status = 'in_flight'), 1,
    'and waits for the one under way');

select * from finish();
rollback;
