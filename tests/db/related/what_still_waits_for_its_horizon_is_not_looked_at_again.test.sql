begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = false;

insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into requests (id, customer_id, status) values ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001', 'submitted');
update crm_sync.deliveries set status = 'delivered', claimed_at = now() - interval '1 hour', finished_at = now() where captured_at >= now();
update customers set phone = '06' where id = '30000000-0000-4000-8000-000000000001';
-- As the second tick leaves it while a transaction from before runs.
update crm_sync.related_changes set horizon = '18446744073709551615';
select results_eq($$select * from crm_sync.tick() where step = 'capture_related'$$, $$values ('capture_related', 0)$$, 'not looked at');
select is((select count(*)::int from crm_sync.related_changes), 1, 'nor forgotten');

select * from finish();
rollback;
