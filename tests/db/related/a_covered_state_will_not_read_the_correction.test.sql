begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;

insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into requests (id, customer_id, status) values ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001', 'submitted');
update requests set city = 'Lyon';
-- The newest of the two is under way; the other waits to be superseded with it, and is never read.
update crm_sync.deliveries set status = 'in_flight', claimed_at = now(), claimed_snapshot = '3:3:', envelope_id = gen_random_uuid()
where delivery_id = (select max(delivery_id) from crm_sync.deliveries);
update crm_sync.deliveries set covered_by = (select max(delivery_id) from crm_sync.deliveries) where status = 'pending';
update customers set phone = '06';
select results_eq(
    $$select * from crm_sync.tick() where step = 'capture_related'$$, $$values ('capture_related', 1)$$,
    'the correction has a delivery of its own');

select * from finish();
rollback;
