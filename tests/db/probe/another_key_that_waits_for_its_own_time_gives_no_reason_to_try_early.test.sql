begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 2) as n;
update crm_sync.deliveries set next_attempt_at = '2040-01-01 00:00:03+00' where captured_at >= now() and right(row_id, 1) = '2';
update crm_sync.breakers
set state = 'open', reason = 'failures in a row', open_count = 6, open_until = '2040-01-01 00:15:00+00',
    failing_keys = '{lead:10000000-0000-4000-8000-000000000001}', last_failed_key = 'lead:10000000-0000-4000-8000-000000000001'
where breaker = 'monelec';
select crm_sync.tick('2040-01-01 00:00:02+00');

select is_empty(
    $$select row_id from crm_sync.deliveries where captured_at >= now() and status = 'in_flight'$$, 'a second later it is due');

select * from finish();
rollback;
