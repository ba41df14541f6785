begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = false;

create table public.meters (id int primary key, updated_at timestamptz not null default clock_timestamp(), value int);
set local quote_all_identifiers = on;
select is(
    (select table_name from crm_sync.attach('public.meters', 'lead', array['value'], $$'meter:' || new.id$$)), 'public.meters',
    'in the ledger it is quoted only where it must be');
insert into public.meters (id, value) values (1, 1);
set local quote_all_identifiers = off;
insert into public.meters (id, value) values (2, 1);
set local quote_all_identifiers = on;

select results_eq(
    $$select deliveries.row_id, deliveries.table_name, crm_sync.row_status('public.meters', deliveries.row_id)
      from crm_sync.deliveries where captured_at >= now() order by 1$$,
    $$values ('1', 'public.meters', 'waiting: sending is stopped'), ('2', 'public.meters', 'waiting: sending is stopped')$$, 'captured and found under it');

select * from finish();
rollback;
