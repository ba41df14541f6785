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

-- One key of two destinations; to one of them it is under way.
insert into crm_sync.envelopes (envelope_id, destination, request_id, delivery_count, dispatched_at, lease_until)
values ('70000000-0000-4000-8000-000000000001', 'elementor', net.http_get('http://functions.test'), 1, now(), '2041-01-01');
update net.http_request_queue set headers = '{"webhook-id": "70000000-0000-4000-8000-000000000001"}'
where id = (select request_id from crm_sync.envelopes where envelope_id = '70000000-0000-4000-8000-000000000001');
insert into crm_sync.deliveries (route, destination, table_name, row_id, operation, ordering_key, record, status, envelope_id, claimed_at)
values ('order_confirmation', 'elementor', 'public.orders', 'x', 'INSERT', 'lead:10000000-0000-4000-8000-000000000001', '{}', 'in_flight', '70000000-0000-4000-8000-000000000001', now());
insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 2) as n;
update crm_sync.deliveries set next_attempt_at = '2039-01-01' where captured_at >= now() and right(row_id, 1) = '2';
update crm_sync.breakers set state = 'open', reason = 'failures in a row', open_count = 1, open_until = '2040-01-01 00:00:00+00' where breaker = 'monelec';
select crm_sync.tick('2040-01-01 00:00:00+00');

select is(
    (select right(row_id, 1) from crm_sync.deliveries where captured_at >= now() and destination = 'monelec' and status = 'in_flight'), '1',
    'the one that has waited longest');
select is(
    (select probe_envelope_id from crm_sync.breakers where breaker = 'monelec'),
    (select envelope_id from crm_sync.envelopes where is_probe and dispatched_at = '2040-01-01'), 'and the breaker knows which one it is');

select * from finish();
rollback;
