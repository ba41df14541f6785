begin;
set local search_path = public, extensions;
select plan(3);
update crm_sync.settings set is_running = false;

insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test');
update customers set phone = '06' where id = '30000000-0000-4000-8000-000000000001';
-- As if the tick had seen it while a transaction from before was running.
update crm_sync.related_changes set horizon = '18446744073709551615';
select crm_sync.tick();
select is((select count(*)::int from crm_sync.related_changes), 1, 'kept while a transaction from before runs');

-- A request that was written and claimed beside the correction, before the tick first saw it.
insert into requests (id, customer_id, status) values ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001', 'submitted');
update crm_sync.deliveries set status = 'delivered', claimed_at = now() - interval '1 hour', finished_at = now() where captured_at >= now();
update crm_sync.related_changes set horizon = '3';
select results_eq($$select * from crm_sync.tick() where step = 'capture_related'$$, $$values ('capture_related', 1)$$, 'the last look finds it');
select is_empty('select * from crm_sync.related_changes', 'and then it is forgotten');

select * from finish();
rollback;
