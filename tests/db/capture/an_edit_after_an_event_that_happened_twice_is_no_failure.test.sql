begin;
set local search_path = public, extensions;
select plan(2);

insert into orders (id, order_number, quantity, status) values ('50000000-0000-4000-8000-000000000001', 'CMD-000001', 1, 'confirmed');
update orders set status = 'cancelled';
update orders set status = 'confirmed';
update orders set quantity = 2;
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now()), 2, 'it fires nothing');
select is_empty($$select capture_failure_id from crm_sync.capture_failures$$, 'and nothing is left for the tick');

select * from finish();
rollback;
