begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;
alter table crm_sync.deliveries add constraint the_ledger_is_broken check (false) not valid;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
select crm_sync.tick();
select results_eq(
    'select table_name, retry_count from crm_sync.capture_failures order by 1',
    $$values ('public.leads', 1), ('public.orders', 1)$$, 'one each');

select * from finish();
rollback;
