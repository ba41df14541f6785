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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
update crm_sync.deliveries set status = 'delivered', finished_at = now() where captured_at >= now();
update leads set phone = '06' where id = '10000000-0000-4000-8000-000000000001';
update crm_sync.breakers set state = 'open', reason = 'failures in a row', open_count = 1, open_until = '2040-01-01 00:00:00+00' where breaker = 'monelec';
select crm_sync.tick('2040-01-01 00:00:00+00');

select is(
    (select probe_envelope_id from crm_sync.breakers where breaker = 'monelec'),
    (select envelope_id from crm_sync.envelopes where is_probe and dispatched_at = '2040-01-01'), 'what was delivered before is in no envelope');

select * from finish();
rollback;
