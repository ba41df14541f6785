begin;
set local search_path = public, extensions;
select plan(1);

insert into orders (id, order_number, quantity, status) values ('50000000-0000-4000-8000-000000000001', 'CMD-000001', 0, 'confirmed');
update crm_sync.deliveries set status = 'dead', finished_at = now() where captured_at >= now();
update orders set quantity = 1 where id = '50000000-0000-4000-8000-000000000001';
update orders set quantity = 2 where id = '50000000-0000-4000-8000-000000000001';

select is(
    (select array_agg(record ->> 'quantity' order by delivery_id) from crm_sync.deliveries where captured_at >= now()),
    array['0', '1'], 'once mended, the next edit is an edit after confirmation again');

select * from finish();
rollback;
