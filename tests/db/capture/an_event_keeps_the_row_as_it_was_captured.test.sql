begin;
set local search_path = public, extensions;
select plan(1);

insert into orders (id, order_number, quantity, status) values ('50000000-0000-4000-8000-000000000001', 'CMD-000001', 1, 'confirmed');
update orders set quantity = 9, status = 'cancelled' where id = '50000000-0000-4000-8000-000000000001';

select results_eq(
    $$select record ->> 'quantity', record ->> 'status' from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('1', 'confirmed')$$, 'although the row has moved on');

select * from finish();
rollback;
