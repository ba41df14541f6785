begin;
set local search_path = public, extensions;
select plan(6);

update crm_sync.settings set is_running = false;
insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 3) as n;
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000004', 'confirmed');
insert into customers (id) values ('30000000-0000-4000-8000-000000000005');
insert into requests (id, customer_id, status) values ('20000000-0000-4000-8000-000000000005', '30000000-0000-4000-8000-000000000005', 'submitted');
create temp table given as select right(row_id, 1)::int as n, delivery_id from crm_sync.deliveries where captured_at >= now();
-- 1 was cancelled for it, 2 the function refused, 3 a receiver has seen, 4 is an event, 5 has its row.
update crm_sync.deliveries
set status = case when n = 1 then 'cancelled' else 'dead' end, finished_at = now(),
    claimed_at = case when n > 1 then now() end, record = case when n between 2 and 4 then '{}'::jsonb end
from given where deliveries.delivery_id = given.delivery_id;
insert into crm_sync.delivery_attempts (delivery_id, envelope_id, attempt, is_counted, outcome, status, dispatched_at, settled_at)
select delivery_id, gen_random_uuid(), 1, true, 'reject', case when n <> 2 then 422 end, now(), now() from given where n in (2, 3, 4);
delete from leads;
delete from orders;

prepare redelivered as
select n, redelivered, reason from crm_sync.redeliver(array(select delivery_id from given where n <= 5)) join given using (delivery_id) order by n;
savepoint before;
select results_eq('redelivered', $$values
    (1, false, 'its row is gone, and nothing of it is kept to be sent'),
    (2, false, 'its row is gone, and nothing of it is kept to be sent; cancel it'),
    (3, true, null), (4, true, null), (5, true, null)$$, 'it can not be read again');
rollback to before;
select is(
    (select array_agg(distinct reason) from crm_sync.redeliver(array(select delivery_id from given where n <= 2), true)),
    array['its row is gone, and nothing of it is kept to be sent', 'its row is gone, and nothing of it is kept to be sent; cancel it'],
    'nor by force');
select results_eq(
    $$select dead_count, redelivered_count from crm_sync.redeliver_dead('lead', p_count_only => false)$$,
    $$values (2::bigint, 1::bigint)$$, 'among all that are dead neither');
rollback to before;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
select is((select redelivered from crm_sync.redeliver(array(select delivery_id from given where n = 1))), true, 'once it is there again it is read');
rollback to before;
alter table leads drop column id;
alter table leads add column id bigint generated always as identity primary key;
select results_eq('redelivered', $$values
    (1, false, 'its row is gone, and nothing of it is kept to be sent'),
    (2, false, 'its row is gone, and nothing of it is kept to be sent; cancel it'),
    (3, true, null), (4, true, null), (5, true, null)$$, 'under a key of another type it is not found either');
rollback to before;
alter table leads drop constraint leads_pkey;
insert into leads default values;
select is((select redelivered from crm_sync.redeliver(array(select delivery_id from given where n = 1))), true, 'without a key nobody can tell');

select * from finish();
rollback;
