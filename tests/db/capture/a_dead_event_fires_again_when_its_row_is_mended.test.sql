begin;
set local search_path = public, extensions;
select plan(3);

insert into orders (id, order_number, quantity, status) values ('50000000-0000-4000-8000-000000000001', 'CMD-000001', 0, 'confirmed');
update crm_sync.deliveries set status = 'dead', finished_at = now() where captured_at >= now();
update orders set updated_at = '2030-01-01' where id = '50000000-0000-4000-8000-000000000001';
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now()), 1, 'an unwatched column mends nothing');

update orders set quantity = 1 where id = '50000000-0000-4000-8000-000000000001';
select results_eq(
    $$select operation, status, record ->> 'quantity' from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('INSERT', 'dead', '0'), ('UPDATE', 'pending', '1')$$,
    'a mapped column does, although the order was confirmed before');
select is((select count(distinct idempotency_key)::int from crm_sync.deliveries where captured_at >= now()), 2, 'with a new idempotency key');

select * from finish();
rollback;
