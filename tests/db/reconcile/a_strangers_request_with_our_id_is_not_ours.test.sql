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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
set constraints all immediate;
-- After a crash pg_net's ids start again.
update net.http_request_queue set headers = '{"Content-Type": "application/json"}', url = 'http://stranger.test/'
where id = (select request_id from crm_sync.envelopes where dispatched_at >= now());
select crm_sync.tick('2040-01-01 00:00:00+00');

select is((select status from crm_sync.envelopes where dispatched_at >= now()), 'lost', 'ours is lost');
select is((select last_error_code from crm_sync.deliveries where captured_at >= now()), 'request_lost', 'and sent again');
select is(
    (select count(*)::int from net.http_request_queue where url = 'http://stranger.test/'), 1, 'the stranger''s is left alone');

select * from finish();
rollback;
