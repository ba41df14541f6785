begin;
set local search_path = public, extensions;
select plan(1);
insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test'), ('30000000-0000-4000-8000-000000000002', 'eve@example.test');
insert into crm_sync.related_changes (table_name, row_id, changed_in, horizon)
values ('public.customers', '30000000-0000-4000-8000-000000000001', '1', '1'), ('public.customers', '30000000-0000-4000-8000-000000000002', '2', '9000000000000000000');
select crm_sync.tick();
select results_eq('select row_id from crm_sync.related_changes', $$values ('30000000-0000-4000-8000-000000000002')$$, 'each has its own');

select * from finish();
rollback;
