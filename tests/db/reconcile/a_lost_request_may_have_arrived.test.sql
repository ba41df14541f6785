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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
set constraints all immediate;
-- What a crash leaves of pg_net's unlogged tables.
delete from net.http_request_queue where id = (select request_id from crm_sync.envelopes where dispatched_at >= now());
select crm_sync.tick('2040-01-01 00:00:00+00');

select results_eq(
    $$select deliveries.status, attempt_count, last_outcome, last_error_code, next_attempt_at - '2040-01-01 00:00:00+00', envelopes.status
      from crm_sync.deliveries cross join crm_sync.envelopes where captured_at >= now() and dispatched_at >= now()$$,
    $$values ('pending', 1, 'unknown', 'request_lost', interval '20 seconds', 'lost')$$, 'counted, and sent again after twenty seconds');
create temp table first_key as select idempotency_key from crm_sync.deliveries where captured_at >= now();
select crm_sync.tick('2040-01-01 00:00:20+00');
select is(
    (select convert_from(body, 'UTF8')::jsonb #>> '{deliveries,0,idempotency_key}' from net.http_request_queue
     join crm_sync.envelopes on envelopes.request_id = http_request_queue.id where status = 'in_flight' and dispatched_at >= now()),
    (select idempotency_key::text from first_key), 'under the same key');

select * from finish();
rollback;
