begin;
set local search_path = public, extensions;
select plan(2);

insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
select crm_sync.erase('customers', '30000000-0000-4000-8000-000000000001');
delete from customers;
delete from leads;
select crm_sync.erase('customers', '30000000-0000-4000-8000-000000000001');
create temp table erased as select * from crm_sync.erase('leads', '10000000-0000-4000-8000-000000000001');
select results_eq(
    $$select arguments ->> 'table', arguments -> 'is_gone' from crm_sync.operations where action = 'erase' order by operation_id$$,
    $$values ('public.customers', null), ('public.customers', 'true'::jsonb), ('public.leads', null)$$,
    'where records of others were read from it');
select is((select count(*)::int from erased), 1, 'of a row from which none is read all is found');

select * from finish();
rollback;
