begin;
set local search_path = public, extensions;
select plan(2);

insert into orders (id, order_number, status) values ('50000000-0000-4000-8000-000000000001', 'CMD-000001', 'pending');
update orders set status = 'confirmed' where id = '50000000-0000-4000-8000-000000000001';
update orders set status = 'cancelled' where id = '50000000-0000-4000-8000-000000000001';
update orders set status = 'confirmed', quantity = 2 where id = '50000000-0000-4000-8000-000000000001';

select results_eq(
    $$select route, destination, operation, ordering_key, record ->> 'quantity' from crm_sync.deliveries
      where captured_at >= now() order by delivery_id$$,
    $$values ('order_confirmation', 'elementor', 'UPDATE', 'order:50000000-0000-4000-8000-000000000001', null),
             ('order_confirmation', 'elementor', 'UPDATE', 'order:50000000-0000-4000-8000-000000000001', '2')$$,
    'two confirmations, each as it was');
select is(
    (select count(distinct idempotency_key)::int from crm_sync.deliveries where captured_at >= now()), 2,
    'with two idempotency keys');

select * from finish();
rollback;
