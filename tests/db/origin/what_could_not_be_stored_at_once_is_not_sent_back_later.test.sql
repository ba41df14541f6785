begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = false;

insert into customers (id, full_name) values ('30000000-0000-4000-8000-000000000001', 'Ada');
select crm_sync.attach('orders', 'lead', array['status'], $$'order:' || new.id$$);
select crm_sync.attach_related('customers', 'lead', 'orders', array['full_name'], $$select id::text from public.orders$$);
select crm_sync.attach('customers', 'lead', array['full_name'], $$'customer:' || new.id$$);
alter table crm_sync.deliveries add constraint the_ledger_is_broken check (false) not valid;
set local crm_sync.origin = 'monelec';
insert into orders (order_number, status) values ('CMD-000001', 'confirmed');
update customers set full_name = 'Ada Lovelace';
set local crm_sync.origin = '';
alter table crm_sync.deliveries drop constraint the_ledger_is_broken;
select from crm_sync._capture_missed(now() + interval '1 minute');
select bag_eq(
    $$select table_name, route, operation, status, last_error_code, finished_at is not null from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('public.customers', 'lead', 'UPDATE', 'cancelled', 'from_origin', true), ('public.orders', 'lead', 'INSERT', 'cancelled', 'from_origin', true),
             ('public.orders', 'order_confirmation', 'INSERT', 'pending', null, false)$$, 'to others it is');
select is_empty($$select from crm_sync.related_changes$$, 'nor is what depends on it');

select * from finish();
rollback;
