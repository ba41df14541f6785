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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'zoé@example.test');
set constraints all immediate;

select is(
    (select array_agg(key order by key) from net.http_request_queue
     join crm_sync.envelopes on envelopes.request_id = http_request_queue.id
     cross join jsonb_object_keys(headers) as key where dispatched_at >= now()),
    array['Content-Type', 'webhook-id', 'webhook-signature', 'webhook-timestamp'], 'four headers');
select results_eq(
    $$select headers ->> 'Content-Type', headers ->> 'webhook-id', headers ->> 'webhook-signature'
      from net.http_request_queue join crm_sync.envelopes on envelopes.request_id = http_request_queue.id where dispatched_at >= now()$$,
    $$select 'application/json', envelope_id::text,
             'v1,' || encode(extensions.hmac(
                 convert_to(envelope_id || '.' || (headers ->> 'webhook-timestamp') || '.', 'UTF8') || body,
                 'obviously-fake-test-secret'::bytea, 'sha256'), 'base64')
      from net.http_request_queue join crm_sync.envelopes on envelopes.request_id = http_request_queue.id where dispatched_at >= now()$$,
    'HMAC-SHA256 over id.timestamp.body, as Standard Webhooks ask');
select is(
    (select abs(extract(epoch from clock_timestamp()) - (headers ->> 'webhook-timestamp')::bigint) < 5
     from net.http_request_queue join crm_sync.envelopes on envelopes.request_id = http_request_queue.id where dispatched_at >= now()),
    true, 'with the time of the commit, not of the transaction''s start');

select * from finish();
rollback;
