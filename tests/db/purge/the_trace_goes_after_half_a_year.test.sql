begin;
set local search_path = public, extensions;
select plan(4);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 4) as n;
update crm_sync.deliveries
set status = made.status, finished_at = '2040-06-01'::timestamptz - age, captured_at = made.captured_at
from (values ('1', 'delivered', interval '180 days 1 second', now()), ('2', 'delivered', '179 days 23:59:59', now()), ('3', 'dead', '181 days', now()),
             ('4', 'pending', null, now())) as made (n, status, age, captured_at)
where deliveries.captured_at >= now() and right(row_id, 1) = n;
insert into crm_sync.delivery_attempts (delivery_id, envelope_id, attempt, is_counted, outcome, dispatched_at, settled_at)
select delivery_id, gen_random_uuid(), 1, true, 'retry', now(), now() from crm_sync.deliveries where captured_at >= now();
insert into crm_sync.envelopes (envelope_id, destination, request_id, delivery_count, dispatched_at, lease_until, status, settled_at)
values (gen_random_uuid(), 'monelec', 1, 1, now(), now(), 'answered', '2040-06-01'::timestamptz - interval '181 days'),
       (gen_random_uuid(), 'monelec', 2, 1, now(), now(), 'answered', '2040-06-01'::timestamptz - interval '179 days'),
       (gen_random_uuid(), 'monelec', 3, 1, '2039-01-01', '2039-01-01', 'in_flight', null);
select results_eq(
    $$select * from crm_sync.purge('2040-06-01') where what in ('deliveries', 'envelopes')$$, $$values ('deliveries', 2), ('envelopes', 1)$$, 'it says how many');

select is(
    (select array_agg(right(row_id, 1) order by row_id) from crm_sync.deliveries where captured_at >= now()), array['2', '4'], 'never what has not ended');
select is(
    (select count(*)::int from crm_sync.delivery_attempts where settled_at >= now()), 2, 'attempts go with their deliveries');
select is((select array_agg(request_id order by request_id) from crm_sync.envelopes where dispatched_at >= now() or request_id = 3), array[2, 3]::bigint[], 'an envelope in flight stays');

select * from finish();
rollback;
