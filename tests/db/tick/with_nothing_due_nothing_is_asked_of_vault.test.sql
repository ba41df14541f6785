begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');

select crm_sync.tick();
select is_empty($$select place from crm_sync.faults$$, 'a stack that is not set up yet is quiet');

select * from finish();
rollback;
