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

insert into requests (id, status) values ('20000000-0000-4000-8000-000000000001', 'submitted');
insert into payments (request_id, stripe_session_id) values ('20000000-0000-4000-8000-000000000001', 'cs_1');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
update crm_sync.deliveries
set is_parked = route = 'payment_session',
    claimed_at = case when route = 'request' then now() end,
    next_attempt_at = case route when 'request' then '2040-01-01 06:00:00+00' when 'lead' then '2040-01-01 01:00:00+00' else '2039-01-01' end::timestamptz
where captured_at >= now();
update crm_sync.breakers set state = 'open', reason = 'failures in a row', open_count = 1, open_until = '2040-01-01 00:00:00+00' where breaker = 'monelec';
select crm_sync.tick('2040-01-01 00:00:00+00');
select is(
    (select route from crm_sync.deliveries where captured_at >= now() and status = 'in_flight'), 'lead',
    'what is parked behind it does not bring it forward');

update crm_sync.deliveries set status = 'pending', envelope_id = null where captured_at >= now() and status = 'in_flight';
update crm_sync.envelopes set status = 'failed', settled_at = now() where status = 'in_flight';
update crm_sync.breakers
set state = 'open', reason = 'failures in a row', open_count = 1, open_until = '2040-01-01 00:00:02+00', probe_envelope_id = null,
    last_failed_key = case breaker when 'monelec' then 'lead:10000000-0000-4000-8000-000000000001' else 'request:20000000-0000-4000-8000-000000000001' end
where breaker in ('monelec', 'function');
select crm_sync.tick('2040-01-01 00:00:02+00');
select is(
    (select route from crm_sync.deliveries where captured_at >= now() and status = 'in_flight'), 'lead', 'nor where both failed last');

select * from finish();
rollback;
