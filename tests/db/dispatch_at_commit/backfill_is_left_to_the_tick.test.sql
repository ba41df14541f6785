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

select crm_sync._recapture('public.leads', 'UPDATE', '[]', '[{"id": "10000000-0000-4000-8000-000000000001"}]', null, true);
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
set constraints all immediate;

select results_eq(
    $$select row_id, is_backfill, status from crm_sync.deliveries where captured_at >= now() order by row_id$$,
    $$values ('10000000-0000-4000-8000-000000000001', true, 'pending'), ('10000000-0000-4000-8000-000000000002', false, 'in_flight')$$,
    'it never travels with what is live');

select * from finish();
rollback;
