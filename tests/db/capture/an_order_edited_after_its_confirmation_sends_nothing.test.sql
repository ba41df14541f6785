begin;
set local search_path = public, extensions;
select plan(1);

insert into orders (id, order_number, status) values ('50000000-0000-4000-8000-000000000001', 'CMD-000001', 'confirmed');
update orders set quantity = 5, client_name = 'Zoé' where id = '50000000-0000-4000-8000-000000000001';
update orders set status = 'shipped' where id = '50000000-0000-4000-8000-000000000001';

select is(
    (select array_agg(operation) from crm_sync.deliveries where captured_at >= now()),
    array['INSERT'], 'the confirmation alone');

select * from finish();
rollback;
