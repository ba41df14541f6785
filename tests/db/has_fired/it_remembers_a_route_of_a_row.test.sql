begin;
set local search_path = public, extensions;
select plan(4);

insert into payments (id, status) values ('40000000-0000-4000-8000-000000000001', 'succeeded');
select is(crm_sync.has_fired('public.payments', '40000000-0000-4000-8000-000000000001', 'payment_status'), true, 'that fired');
select is(crm_sync.has_fired('public.payments', '40000000-0000-4000-8000-000000000001', 'payment_session'), false, 'not another route');
select is(crm_sync.has_fired('public.payments', '40000000-0000-4000-8000-000000000002', 'payment_status'), false, 'not another row');
select is(crm_sync.has_fired('public.orders', '40000000-0000-4000-8000-000000000001', 'payment_status'), false, 'not another table');

select * from finish();
rollback;
