begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;

select crm_sync.attach_related(
    'public.requests', 'payment_status', 'public.payments', array['customer_id'],
    'select payments.id::text from public.payments where payments.request_id = new.id');
insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into requests (id) values ('20000000-0000-4000-8000-000000000001');
insert into payments (id, request_id, status) values
    ('40000000-0000-4000-8000-000000000001', '20000000-0000-4000-8000-000000000001', 'succeeded'),
    ('40000000-0000-4000-8000-000000000002', '20000000-0000-4000-8000-000000000001', 'succeeded');
update crm_sync.deliveries
set status = case row_id when '40000000-0000-4000-8000-000000000001' then 'dead' else 'delivered' end, finished_at = now()
where captured_at >= now();
update requests set customer_id = '30000000-0000-4000-8000-000000000001' where id = '20000000-0000-4000-8000-000000000001';
select crm_sync.tick();

select results_eq(
    $$select route, row_id, operation from crm_sync.deliveries where captured_at >= now() and status = 'pending'$$,
    $$values ('payment_status', '40000000-0000-4000-8000-000000000001', 'UPDATE')$$,
    'only the dead one fires again: the other succeeded once and for all');

select * from finish();
rollback;
