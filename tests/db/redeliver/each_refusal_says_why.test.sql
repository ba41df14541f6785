begin;
set local search_path = public, extensions;
select plan(3);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 6) as n;
create temp table given as select right(row_id, 1)::int as n, delivery_id from crm_sync.deliveries where captured_at >= now();
update crm_sync.deliveries
set status = made.status, finished_at = made.finished_at, envelope_id = made.envelope_id, record = made.record, claimed_at = now(),
    superseded_by = case when made.status = 'superseded' then (select delivery_id from given where n = 4) end
from given
join (values
    (1, 'pending', null::timestamptz, null::uuid, null::jsonb),
    (2, 'in_flight', null, gen_random_uuid(), '{}'),
    (3, 'superseded', now(), null, '{}'),
    (4, 'delivered', now(), null, '{}'),
    (5, 'dead', now(), null, null),
    (6, 'dead', now(), null, '{}')
) as made (n, status, finished_at, envelope_id, record) using (n)
where deliveries.delivery_id = given.delivery_id;
insert into crm_sync.delivery_attempts (delivery_id, envelope_id, attempt, is_counted, outcome, status, dispatched_at, settled_at)
select delivery_id, gen_random_uuid(), 1, true, 'reject', 422, now(), now() from given where n in (5, 6);

select results_eq(
    $$select n, redelivered, reason from crm_sync.redeliver(array(select delivery_id from given)) join given using (delivery_id) order by n$$,
    $$values (1, false, 'it is pending already'), (2, false, 'it is in_flight already'),
             (3, false, 'superseded by delivery ' || (select delivery_id from given where n = 4)),
             (4, false, 'it is delivered already; force sends it again'),
             (5, false, 'its record is no longer kept; backfill the row instead'), (6, true, null)$$, 'one by one');
select results_eq(
    $$select n, redelivered, reason from crm_sync.redeliver(array(select delivery_id from given where n <> 6), true) join given using (delivery_id) order by n$$,
    $$values (1, false, 'it is pending already'), (2, false, 'it is in_flight already'),
             (3, false, 'superseded by delivery ' || (select delivery_id from given where n = 4)),
             (4, true, null), (5, false, 'its record is no longer kept; backfill the row instead')$$, 'force sends a delivered one again, and no other');
select results_eq(
    'select * from crm_sync.redeliver(array[-1, -1])', $$values (-1::bigint, false, 'no such delivery')$$, 'an id that nobody knows');

select * from finish();
rollback;
