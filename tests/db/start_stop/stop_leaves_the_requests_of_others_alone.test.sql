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

select net.http_post('http://stranger.test/', '{"of": "another"}');
select crm_sync.stop();
select is((select count(*)::int from net.http_request_queue where url = 'http://stranger.test/'), 1, 'they are still sent');

select * from finish();
rollback;
