begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = false;

insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into requests (id, customer_id, status) values ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001', 'submitted');
-- Claimed by a transaction from before the correction, while the clock was a minute ahead.
update crm_sync.deliveries
set status = 'delivered', claimed_at = now() + interval '1 minute', claimed_snapshot = '3:3:', finished_at = now();
update customers set phone = '06' where id = '30000000-0000-4000-8000-000000000001';
select results_eq(
    $$select * from crm_sync.tick() where step = 'capture_related'$$, $$values ('capture_related', 1)$$,
    'what counts is which transactions the claim had seen');

-- A restored database counts its transactions anew: its old claims look as if they had seen all.
delete from crm_sync.related_changes;
update crm_sync.deliveries
set status = 'delivered', claimed_at = now() - interval '1 day', claimed_snapshot = '9000000000000000000:9000000000000000000:', finished_at = now();
update customers set phone = '07' where id = '30000000-0000-4000-8000-000000000001';
select results_eq(
    $$select * from crm_sync.tick() where step = 'capture_related'$$, $$values ('capture_related', 1)$$,
    'and a claim older than the correction has not read it, whatever its transactions were numbered');

select * from finish();
rollback;
