begin;
set local search_path = public, extensions;
select plan(6);

insert into crm_sync.faults (place, sql_state, detail) values ('tick: reconcile', '42P01', 'relation "crm_sync.gone" does not exist');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
delete from crm_sync.deliveries where row_id = '10000000-0000-4000-8000-000000000001';
grant crm_sync_reader, crm_sync_operator to current_user;

set local role crm_sync_reader;
create temp table seen as select place, detail from crm_sync.faults;
create temp table released as select crm_sync.version() as version;
set local role crm_sync_operator;
create temp table also_seen as select place from crm_sync.faults;
create temp table repaired as select table_name, repaired_count from crm_sync.repair_missing();
reset role;
select results_eq('select * from seen', $$values ('tick: reconcile', 'relation "crm_sync.gone" does not exist')$$, 'a reader what our own code could not do');
select is((select version from released), crm_sync.version(), 'and which release this is');
select results_eq('select * from also_seen', $$values ('tick: reconcile')$$, 'an operator, too');
select results_eq('select * from repaired', $$values ('public.leads', 1)$$, 'who sends what was never captured');
select is((select status from crm_sync.deliveries where row_id = '10000000-0000-4000-8000-000000000001'), 'pending', 'as the nightly repair does');
select is_empty(
    $$select policyname from pg_policies where schemaname = 'crm_sync' and tablename = 'faults' and policyname <> 'readers_see_faults'$$, 'by one policy');

select * from finish();
rollback;
