begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = false;

alter table orders rename to orders_old;
create table orders (like orders_old including all);
set local crm_sync.origin = 'monelec';
insert into orders_old (order_number, status) values ('CMD-000001', 'confirmed');
set local crm_sync.origin = '';
set local crm_sync.capture = 'off';
insert into orders_old (order_number, status) values ('CMD-000002', 'confirmed');
select is_empty(
    $$select route, status, table_name from crm_sync.deliveries where captured_at >= now()$$,
    'no row is taken for one of the table that bears the name now');
select results_eq(
    $$select table_name, sql_state from crm_sync.capture_failures$$,
    $$values ('public.orders_old', 'CS051'), ('public.orders_old', 'CS051')$$, 'what was written waits for its table to be attached');

select * from finish();
rollback;
