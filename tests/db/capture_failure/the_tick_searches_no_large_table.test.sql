begin;
set local search_path = public, extensions;
select plan(3);
update crm_sync.settings set is_running = false;
-- Partitions are taken for large, as long as no index begins with the time of change.
create table visits (id int, name text, updated_at timestamptz default clock_timestamp(), primary key (id)) partition by range (id);
create table first_visits partition of visits for values from (0) to (1000);
select crm_sync.define_route('visit', 'state', 'monelec');
select crm_sync.attach('visits', 'visit', '{name}', $$'visit:' || new.id$$);
alter table crm_sync.deliveries add constraint the_ledger_is_broken check (false) not valid;
alter table crm_sync.capture_failures add constraint so_is_this check (false) not valid;
insert into visits values (1, 'one');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
alter table crm_sync.deliveries drop constraint the_ledger_is_broken;
alter table crm_sync.capture_failures drop constraint so_is_this;
delete from crm_sync.faults;
select crm_sync.tick();
select results_eq('select table_name from crm_sync.deliveries', $$values ('public.leads')$$, 'of a small one it finds what is missing');
select results_eq(
    'select place, sql_state, detail from crm_sync.faults',
    $$values ('repair of public.visits', 'CS030', 'public.visits is large and no index begins with its time of change: left to the nightly repair, or to a person')$$,
    'of a large one it says so');
select from crm_sync.repair_missing();
select is((select count(*)::int from crm_sync.deliveries where table_name = 'public.visits'), 1, 'which finds it');

-- No rollback takes it back: later tests would look for what is missing here.
select setval('crm_sync.unstored_changes', 1, false);

select * from finish();
rollback;
