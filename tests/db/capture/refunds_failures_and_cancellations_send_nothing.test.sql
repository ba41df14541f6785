begin;
set local search_path = public, extensions;
select plan(1);

insert into payments (id, status) values
    ('40000000-0000-4000-8000-000000000001', 'pending'), ('40000000-0000-4000-8000-000000000002', 'pending'),
    ('40000000-0000-4000-8000-000000000003', 'pending');
update payments set status = 'refunded' where id = '40000000-0000-4000-8000-000000000001';
update payments set status = 'failed' where id = '40000000-0000-4000-8000-000000000002';
update payments set status = 'canceled' where id = '40000000-0000-4000-8000-000000000003';
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'cancelled');

select is_empty($$select delivery_id from crm_sync.deliveries where captured_at >= now()$$, 'nothing is captured');

select * from finish();
rollback;
