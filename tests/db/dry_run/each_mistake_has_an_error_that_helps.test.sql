begin;
set local search_path = public, extensions;
select plan(6);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into requests (id, status) values ('20000000-0000-4000-8000-000000000001', 'draft');
create table strangers (id int primary key);
select throws_ok($$select crm_sync.dry_run('strangers', '1')$$, 'CS023', 'nothing is captured from public.strangers', 'another table');
select throws_ok($$select crm_sync.dry_run('leads', '10000000-0000-4000-8000-000000000001')$$, 'CS029', 'public.leads has no row 10000000-0000-4000-8000-000000000001', 'no such row');
select throws_ok($$select crm_sync.dry_run('requests', '20000000-0000-4000-8000-000000000001')$$, 'CS031', 'no route fires for row 20000000-0000-4000-8000-000000000001 of public.requests as it is', 'a draft');
select throws_ok($$select crm_sync.dry_run_result('10000000-0000-4000-8000-000000000001')$$, 'CS032', 'there is no dry run 10000000-0000-4000-8000-000000000001', 'no such dry run');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
update leads set lastname = repeat('x', 70000);
select throws_ok($$select crm_sync.dry_run('leads', '10000000-0000-4000-8000-000000000001')$$, 'CS037', null, 'larger than pg_net sends');
update leads set lastname = null;
delete from vault.secrets where name = 'crm_sync_function_url';
select throws_ok($$select crm_sync.dry_run('leads', '10000000-0000-4000-8000-000000000001')$$, 'CS010', null, 'nowhere to ask');

select * from finish();
rollback;
