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
set constraints all immediate;
insert into net.http_request_queue (id, method, url, headers, timeout_milliseconds)
select request_id, 'GET', 'http://stranger.test/', '{}', 1000 from crm_sync.envelopes where dispatched_at >= now();
select crm_sync.tick('2040-01-01 00:00:00+00');

select is(
    (select array_agg(url) from net.http_request_queue where id = (select min(request_id) from crm_sync.envelopes where dispatched_at between now() and '2039-01-01')),
    array['http://stranger.test/'], 'ours alone, although both have one id');

select * from finish();
rollback;
