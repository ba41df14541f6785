begin;
set local search_path = public, extensions;
select plan(4);

select results_eq(
    $$select attname::text collate "default" from pg_attribute
      where attrelid = 'crm_sync.deliveries'::regclass and attname in ('record', 'status')
        and has_column_privilege('crm_sync_reader', attrelid, attnum, 'select')$$,
    array['status'], 'the ledger without its payload');
select is_empty(
    $$select oid::regclass from pg_class
      where relnamespace = 'crm_sync'::regnamespace and relkind in ('r', 'v')
        and has_table_privilege('crm_sync_reader', oid, 'insert, update, delete, truncate')$$,
    'and nothing that they could change');
select is_empty(
    $$select oid::regclass from pg_class
      where oid in ('crm_sync.capture_failures'::regclass, 'crm_sync.deliveries'::regclass) and has_table_privilege('crm_sync_reader', oid, 'select')$$,
    'tables with personal data are not theirs as a whole');
grant crm_sync_reader to current_user;
set local role crm_sync_reader;
select from crm_sync.delivery_log;
reset role;
select pass('the log is for them');

select * from finish();
rollback;
