begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;

select crm_sync.attach_related(
    'public.customers', 'request', 'public.requests', array['email'],
    $$select requests.id::text from public.requests cross join generate_series(1, 2) where requests.customer_id = new.id$$);
insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@before.test');
insert into requests (id, customer_id, status) values ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001', 'submitted');
update crm_sync.deliveries set status = 'delivered', claimed_at = now() - interval '1 hour', finished_at = now() where captured_at >= now();
update customers set email = 'ada@after.test';
select results_eq($$select * from crm_sync.tick() where step = 'capture_related'$$, $$values ('capture_related', 1)$$, 'however often the query names it');

select * from finish();
rollback;
