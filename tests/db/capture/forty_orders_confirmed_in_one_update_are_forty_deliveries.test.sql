begin;
set local search_path = public, extensions;
select plan(3);

insert into orders (order_number, quantity, unit_price, total_amount)
select 'CMD-' || lpad(n::text, 6, '0'), n, 10.50, n * 10.50 from generate_series(1, 40) as n;
update orders set status = 'confirmed' where order_number like 'CMD-0000%';

select results_eq(
    $$select distinct route, destination, operation, status, dispatch_at_commit from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('order_confirmation', 'elementor', 'UPDATE', 'pending', false)$$,
    'all of one kind, and left to the tick');
select results_eq(
    $$select record ->> 'order_number', record ->> 'quantity', record ->> 'total_amount', ordering_key = 'order:' || row_id
      from crm_sync.deliveries where captured_at >= now() order by 1$$,
    $$select 'CMD-' || lpad(n::text, 6, '0'), n::text, (n * 10.50)::text, true from generate_series(1, 40) as n order by 1$$,
    'each with its own record and key');
select is(
    (select count(distinct idempotency_key)::int from crm_sync.deliveries where captured_at >= now()), 40,
    'forty idempotency keys');

select * from finish();
rollback;
