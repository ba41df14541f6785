begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;
insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into requests (id, customer_id, status) values ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001', 'submitted');
update crm_sync.deliveries set status = 'delivered', claimed_at = now() - interval '1 hour', finished_at = now();
-- Both wait, and will read the customer as it is then.
insert into crm_sync.deliveries (route, destination, table_name, row_id, operation, ordering_key)
values ('lead', 'monelec', 'public.requests', '20000000-0000-4000-8000-000000000001', 'INSERT', 'x:1'),
       ('request', 'monelec', 'public.leads', '20000000-0000-4000-8000-000000000001', 'INSERT', 'x:2');
update customers set email = 'new@example.test';
select is((select affected from crm_sync.tick() where step = 'capture_related'), 1, 'the request is told again');

select * from finish();
rollback;
