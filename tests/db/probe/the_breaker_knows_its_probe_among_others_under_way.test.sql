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

-- Sent before it opened, and to another destination under the same key.
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test'), ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
update crm_sync.deliveries set ordering_key = 'lead:10000000-0000-4000-8000-000000000002' where captured_at >= now() and destination = 'elementor';
update crm_sync.deliveries set next_attempt_at = '2040-01-02' where captured_at >= now() and right(row_id, 1) = '2';
select crm_sync.tick();
update crm_sync.breakers set state = 'open', reason = 'failures in a row', open_count = 1, open_until = clock_timestamp() where breaker = 'monelec';
select crm_sync.tick();

select is(
    (select probe_envelope_id from crm_sync.breakers where breaker = 'monelec'),
    (select envelope_id from crm_sync.deliveries where captured_at >= now() and right(row_id, 1) = '2' and destination = 'monelec'), 'the one that it waits for');

select * from finish();
rollback;
