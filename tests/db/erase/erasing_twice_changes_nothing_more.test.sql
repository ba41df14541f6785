begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
select crm_sync.erase('leads', '10000000-0000-4000-8000-000000000001');
create temp table before as select * from crm_sync.deliveries where captured_at >= now();
select crm_sync.erase('leads', '10000000-0000-4000-8000-000000000001');
select results_eq(
    $$select status, last_error_code, finished_at from crm_sync.deliveries where captured_at >= now()$$,
    $$select status, last_error_code, finished_at from before$$, 'the delivery is as it was');

select is_empty($$select crm_sync.erase('leads', '10000000-0000-4000-8000-000000000009')$$, 'a row that the ledger does not know is nothing to erase');

select * from finish();
rollback;
