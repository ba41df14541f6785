begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;

insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into requests (id, customer_id, status) values ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001', 'submitted');
update customers set phone = '06' where id = '30000000-0000-4000-8000-000000000001';
select crm_sync.tick();

select is((select count(*)::int from crm_sync.deliveries where captured_at >= now()), 1, 'its record will be read after the correction');

select * from finish();
rollback;
