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
update crm_sync.settings set max_envelope_deliveries = 2, max_requests_in_flight = 1;

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 4) as n;
update crm_sync.deliveries set is_backfill = true, next_attempt_at = now() - interval '1 day'
where captured_at >= now() and row_id in ('10000000-0000-4000-8000-000000000001', '10000000-0000-4000-8000-000000000002');
select crm_sync.tick();

select results_eq(
    $$select row_id, is_backfill from crm_sync.deliveries where captured_at >= now() and status = 'in_flight' order by 1$$,
    $$values ('10000000-0000-4000-8000-000000000003', false), ('10000000-0000-4000-8000-000000000004', false)$$, 'however long it has waited');

select * from finish();
rollback;
