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

select is(
    (select position('secret' in url || headers::text || convert_from(body, 'UTF8')) + position('c2VjcmV0' in url || headers::text || convert_from(body, 'UTF8'))
     from net.http_request_queue join crm_sync.envelopes on envelopes.request_id = http_request_queue.id where dispatched_at >= now()),
    0, 'everybody may read pg_net''s queue');

select * from finish();
rollback;
