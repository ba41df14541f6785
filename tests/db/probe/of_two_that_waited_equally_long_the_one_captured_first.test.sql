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

-- Rows of which the first stands behind the second in the table.
insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 2) as n;
update crm_sync.deliveries set next_attempt_at = '2039-01-01' where captured_at >= now() and right(row_id, 1) = '2';
update crm_sync.deliveries set next_attempt_at = '2039-01-01' where captured_at >= now() and right(row_id, 1) = '1';
update crm_sync.breakers set state = 'open', reason = 'failures in a row', open_count = 1, open_until = '2040-01-01 00:00:00+00' where breaker = 'monelec';
select crm_sync.tick('2040-01-01 00:00:00+00');
select is((select right(row_id, 1) from crm_sync.deliveries where captured_at >= now() and status = 'in_flight'), '1', 'of two keys');

update crm_sync.deliveries set status = 'pending', envelope_id = null where captured_at >= now() and status = 'in_flight';
update crm_sync.envelopes set status = 'failed', settled_at = now() where status = 'in_flight';
update crm_sync.breakers
set state = 'open', reason = 'failures in a row', open_count = 1, open_until = '2040-01-01 00:00:02+00', probe_envelope_id = null,
    last_failed_key = 'lead:10000000-0000-4000-8000-00000000000' || case breaker when 'monelec' then 1 else 2 end
where breaker in ('monelec', 'function');
select crm_sync.tick('2040-01-01 00:00:02+00');
select is((select right(row_id, 1) from crm_sync.deliveries where captured_at >= now() and status = 'in_flight'), '1', 'of two that failed last');

select * from finish();
rollback;
