begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = false;
select crm_sync.attach_related('customers', 'payment_session', 'payments', array['email'],
    $$select payments.id::text from public.payments join public.requests on requests.id = payments.request_id where requests.customer_id = new.id$$);
insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into requests (id, customer_id, status) values ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001', 'draft');
insert into payments (id, request_id, amount, stripe_session_id, status)
values ('40000000-0000-4000-8000-000000000001', '20000000-0000-4000-8000-000000000001', 100, 'cs_fake', 'pending');
update crm_sync.deliveries set status = 'delivered', claimed_at = now() - interval '1 hour', finished_at = now();
update customers set email = 'new@example.test';
select is((select affected from crm_sync.tick() where step = 'capture_related'), 0, 'its receiver would hear of a second session');
update crm_sync.deliveries set status = 'dead' where route = 'payment_session';
update customers set email = 'newer@example.test';
select is((select affected from crm_sync.tick() where step = 'capture_related'), 1, 'but for one that it never took');

select * from finish();
rollback;
