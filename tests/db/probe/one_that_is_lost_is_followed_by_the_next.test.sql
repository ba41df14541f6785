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

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 2) as n;
update crm_sync.breakers set state = 'open', reason = 'failures in a row', open_count = 4, open_until = '2040-01-01 00:00:00+00' where breaker = 'monelec';
select crm_sync.tick('2040-01-01 00:00:00+00');
-- What a crash leaves of pg_net's unlogged tables.
delete from net.http_request_queue using crm_sync.envelopes where request_id = id and is_probe and dispatched_at = '2040-01-01';
select crm_sync.tick('2040-01-01 00:00:01+00');

select is((select status from crm_sync.envelopes where is_probe and dispatched_at = '2040-01-01'), 'lost', 'nobody waits for it');
select results_eq(
    $$select state, open_count, probe_outcome, probed_at from crm_sync.breakers where breaker = 'monelec'$$,
    $$values ('half_open', 4, 'inconclusive', '2040-01-01 00:00:01+00'::timestamptz)$$, 'it says nothing of the receiver');
select is((select max(attempt_count) from crm_sync.deliveries where captured_at >= now()), 0, 'and used up no attempt');

select * from finish();
rollback;
