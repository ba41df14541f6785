begin;
set local search_path = public, extensions;
select plan(1);

insert into payments (id, status) values ('40000000-0000-4000-8000-000000000001', 'succeeded');
update payments set status = 'refunded' where id = '40000000-0000-4000-8000-000000000001';
update payments set status = 'succeeded' where id = '40000000-0000-4000-8000-000000000001';

select results_eq(
    $$select route, operation from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('payment_status', 'INSERT'), ('payment_status', 'UPDATE')$$, 'becoming a status again is new');

select * from finish();
rollback;
