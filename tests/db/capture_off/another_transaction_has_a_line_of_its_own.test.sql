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

set local crm_sync.capture = 'off';
savepoint corrected;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
rollback to corrected;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
select results_eq($$select arguments, affected_count from crm_sync.operations$$, $$values ('{"public.leads": 1}'::jsonb, 1)$$, 'what was rolled back is not counted');

select * from finish();
rollback;
