begin;
set local search_path = public, extensions;
select plan(4);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
update crm_sync.deliveries set status = 'dead', finished_at = now();
grant crm_sync_operator to current_user;
set local role crm_sync_operator;
create temp table done as select redelivered from crm_sync.redeliver(array(select delivery_id from crm_sync.dead_letters));
create temp table paused as select is_paused from crm_sync.pause('monelec');
reset role;
select results_eq('select * from done', 'values (true)', 'redeliver');
select results_eq('select * from paused', 'values (true)', 'pause');
select results_eq(
    $$select distinct proname::text collate "default" from pg_proc where pronamespace = 'crm_sync'::regnamespace
      and has_function_privilege('crm_sync_operator', oid, 'execute') and not has_function_privilege('crm_sync_reader', oid, 'execute') order by 1$$,
    array['backfill', 'cancel', 'dry_run', 'dry_run_pending', 'dry_run_pending_result', 'dry_run_result', 'erase', 'erase_person', 'export_person', 'find_missing', 'pause', 'redeliver', 'redeliver_dead', 'repair_missing', 'resume', 'test_alert', 'test_delivery'],
    'and these');
select is_empty(
    $$select oid::regclass from pg_class where relnamespace = 'crm_sync'::regnamespace and relkind = 'r'
        and has_table_privilege('crm_sync_operator', oid, 'insert, update, delete, truncate')$$, 'but no table by itself');

select * from finish();
rollback;
