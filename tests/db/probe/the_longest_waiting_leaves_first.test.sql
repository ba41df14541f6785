begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 3) as n;
update crm_sync.deliveries set next_attempt_at = timestamptz '2039-01-05' - right(row_id, 1)::int * interval '1 day' where captured_at >= now();
-- Another destination's failures are of no concern.
update crm_sync.breakers set last_failed_key = 'lead:10000000-0000-4000-8000-000000000003' where breaker = 'elementor';
update crm_sync.breakers set state = 'open', reason = 'failures in a row', open_count = 1, open_until = '2040-01-01 00:00:00+00' where breaker = 'monelec';
select crm_sync.tick('2040-01-01 00:00:00+00');
select is((select right(row_id, 1) from crm_sync.deliveries where captured_at >= now() and status = 'in_flight'), '3', 'of three keys');

update crm_sync.breakers set state = 'closed', probe_envelope_id = null where breaker = 'monelec';
update crm_sync.breakers set state = 'open', open_until = '2040-01-01 00:00:01+00', last_failed_key = 'lead:10000000-0000-4000-8000-000000000002' where breaker = 'monelec';
select crm_sync.tick('2040-01-01 00:00:01+00');
select is(
    (select array_agg(right(row_id, 1) order by row_id) from crm_sync.deliveries where captured_at >= now() and status = 'in_flight'), array['1', '3'],
    'after the key that failed last');

select * from finish();
rollback;
