begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;
select crm_sync.attach('orders', 'request', p_watched => array['status'], p_ordering_key => $$'order:' || new.id$$);
insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into requests (id, customer_id, status) values ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001', 'submitted');
update crm_sync.deliveries set status = 'delivered', claimed_at = now() - interval '1 hour', finished_at = now();
update customers set email = 'new@example.test';
select is((select affected from crm_sync.tick() where step = 'capture_related'), 1, 'the table that it is about');

select * from finish();
rollback;
