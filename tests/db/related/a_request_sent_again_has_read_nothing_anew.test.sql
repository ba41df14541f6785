begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;


insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into requests (id, customer_id, status) values ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001', 'submitted');
-- As if it had been claimed, and its receiver had failed, before the customer was corrected.
update crm_sync.deliveries
set claimed_at = now() - interval '1 hour', claimed_snapshot = '3:3:', record = '{"id": "as it was"}', next_attempt_at = now() - interval '1 minute'
where captured_at >= now();
select crm_sync.tick();

select results_eq(
    $$select status, claimed_snapshot::text, record from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('in_flight', '3:3:', '{"id": "as it was"}'::jsonb)$$, 'it still says since when it knows the customer');

select * from finish();
rollback;
