begin;
set local search_path = public, extensions;
select plan(1);

insert into payments (id, status) values ('40000000-0000-4000-8000-000000000001', 'succeeded');
update payments set status = 'succeeded' where id = '40000000-0000-4000-8000-000000000001';
update payments set status = 'succeeded', amount = 100 where id = '40000000-0000-4000-8000-000000000001';

select is(
    (select array_agg(route) from crm_sync.deliveries where captured_at >= now()),
    array['payment_status'], 'a status set to what it is fires nothing, whatever else changes');

select * from finish();
rollback;
