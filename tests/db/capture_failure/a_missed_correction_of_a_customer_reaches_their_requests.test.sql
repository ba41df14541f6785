begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = false;

insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into requests (id, customer_id, status) values ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001', 'submitted');
update crm_sync.deliveries set status = 'delivered', claimed_at = now() - interval '1 hour', finished_at = now() where captured_at >= now();
alter table crm_sync.related_changes add constraint notes_are_broken check (false) not valid;
update customers set phone = '06' where id = '30000000-0000-4000-8000-000000000001';
select results_eq(
    $$select table_name, operation, row_ids from crm_sync.capture_failures$$,
    $$values ('public.customers', 'UPDATE', array['30000000-0000-4000-8000-000000000001'])$$, 'the correction is stored');
alter table crm_sync.related_changes drop constraint notes_are_broken;
select crm_sync.tick();

select results_eq(
    $$select route, row_id, operation from crm_sync.deliveries where captured_at >= now() and status = 'pending'$$,
    $$values ('request', '20000000-0000-4000-8000-000000000001', 'UPDATE')$$, 'and captured by the tick');

select * from finish();
rollback;
