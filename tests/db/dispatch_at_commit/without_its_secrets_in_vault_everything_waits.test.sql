begin;
set local search_path = public, extensions;
select plan(3);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;
delete from vault.secrets where name = 'crm_sync_function_url';
delete from crm_sync.faults;

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
select lives_ok('set constraints all immediate', 'the commit goes through');
select is((select status from crm_sync.deliveries where captured_at >= now()), 'pending', 'the delivery waits');
select results_eq(
    'select place, sql_state, detail from crm_sync.faults',
    $$values ('dispatch at commit', 'CS010', 'Vault holds no crm_sync_function_url')$$, 'the fault says what is missing');

select * from finish();
rollback;
