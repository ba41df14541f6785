begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
update leads set email = 'ada@corrected.test';
-- As if the first had been committed only after the second was tried.
update crm_sync.deliveries
set claimed_at = now() - interval '1 minute', claimed_snapshot = '3:3:', record = '{"email": "as it was"}', attempt_count = 1
where captured_at >= now() and operation = 'UPDATE';
update crm_sync.settings set is_running = true;
select crm_sync.tick(clock_timestamp());
select results_eq(
    $$select operation, status, record ->> 'email' from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('INSERT', 'in_flight', 'ada@corrected.test'), ('UPDATE', 'pending', 'as it was')$$,
    'it reads what the other one could not');

select * from finish();
rollback;
