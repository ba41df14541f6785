begin;
set local search_path = public, extensions;
select plan(1);

insert into payments (id) values ('40000000-0000-4000-8000-000000000001');
update payments set status = 'processing' where id = '40000000-0000-4000-8000-000000000001';
update payments set status = 'succeeded' where id = '40000000-0000-4000-8000-000000000001';
insert into payments (id, status) values ('40000000-0000-4000-8000-000000000002', 'succeeded');

select results_eq(
    $$select route, destination, row_id, operation, record from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('payment_status', 'monelec', '40000000-0000-4000-8000-000000000001', 'UPDATE', null::jsonb),
             ('payment_status', 'monelec', '40000000-0000-4000-8000-000000000002', 'INSERT', null::jsonb)$$,
    'changed to it, or inserted so; a state is read when it is claimed');

select * from finish();
rollback;
