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

-- The first lead always fails; the second has one under way, and one that was captured since.
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test'), ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
set constraints all immediate;
set constraints all deferred;
update crm_sync.deliveries set status = 'pending', envelope_id = null where captured_at >= now() and right(row_id, 1) = '1';
update leads set phone = '06' where id = '10000000-0000-4000-8000-000000000002';
update crm_sync.breakers
set state = 'open', reason = 'failures in a row', open_count = 6, open_until = clock_timestamp() + interval '15 minutes',
    failing_keys = '{lead:10000000-0000-4000-8000-000000000001}', last_failed_key = 'lead:10000000-0000-4000-8000-000000000001'
where breaker = 'monelec';
select crm_sync.tick();

select is(
    (select status from crm_sync.deliveries where captured_at >= now() and right(row_id, 1) = '1'), 'pending',
    'the key that always fails keeps the breaker''s time');

select * from finish();
rollback;
