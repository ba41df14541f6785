begin;
set local search_path = public, extensions;
select plan(4);

alter table orders rename to sales;
insert into sales (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
alter table sales rename to orders;
select is(
    (select table_name from crm_sync.capture_failures), 'public.sales', 'it is kept under the name that nothing bears any more');
select throws_ok(
    $$select * from crm_sync.erase('orders', '50000000-0000-4000-8000-000000000001')$$, 'CS051',
    'what was written to public.orders while it was called public.sales is still to be captured', 'nobody is thought erased');
select from crm_sync.reattach();
select from crm_sync.tick();
select results_eq(
    'select table_name, route from crm_sync.deliveries where captured_at >= now()',
    $$values ('public.orders', 'order_confirmation')$$, 'the table is known again');
select is_empty('select from crm_sync.capture_failures', 'and nothing is left');

select * from finish();
rollback;
