begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = false;

insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test'), ('30000000-0000-4000-8000-000000000002', 'bob@example.test');
insert into requests (id, customer_id, status) values
    ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001', 'submitted'),
    ('20000000-0000-4000-8000-000000000002', '30000000-0000-4000-8000-000000000001', 'draft'),
    ('20000000-0000-4000-8000-000000000003', '30000000-0000-4000-8000-000000000001', 'en_cours'),
    ('20000000-0000-4000-8000-000000000004', '30000000-0000-4000-8000-000000000002', 'submitted');
update crm_sync.deliveries set status = 'delivered', claimed_at = now() - interval '1 hour', finished_at = now() where captured_at >= now();

delete from crm_sync.deliveries;
update requests set city = 'Lyon' where id = '20000000-0000-4000-8000-000000000001';
select is((select status from crm_sync.deliveries where captured_at >= now()), 'pending', 'a request of theirs waits');
select from crm_sync.erase('customers', '30000000-0000-4000-8000-000000000001');
select is((select status || ' ' || last_error_code from crm_sync.deliveries where captured_at >= now()), 'cancelled erased', 'its record would tell of them');

select * from finish();
rollback;
