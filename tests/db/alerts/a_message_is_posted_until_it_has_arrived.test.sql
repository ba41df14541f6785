begin;
set local search_path = public, extensions;
select plan(8);
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;
create function pg_temp.posted() returns int language sql as $$
    select post_count from crm_sync.alert_messages where text = 'a trouble'
$$;
create function pg_temp.answered(p_result jsonb, p_secret text default 'whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=') returns void language sql as $$
    delete from net._http_response;
    insert into net._http_response (id, status_code, headers, content)
    select request_id, 207, jsonb_build_object('Webhook-Id', message_id, 'Webhook-Timestamp', '1760000000',
               'Webhook-Signature', crm_sync._signatures(message_id::text, '1760000000', made.content, array[p_secret])), made.content
    from crm_sync.alert_messages
    cross join lateral (select jsonb_build_object('envelope_id', message_id, 'results', jsonb_build_array(p_result))::text as content) as made
    where text = 'a trouble'
$$;
insert into crm_sync.alert_messages (text, written_at) values ('a trouble', now());
select crm_sync.alert(now());
select results_eq(
    $$ select queue.url, convert_from(queue.body, 'UTF8')::jsonb, queue.timeout_milliseconds from net.http_request_queue as queue
       join crm_sync.alert_messages on request_id = queue.id where text = 'a trouble' $$,
    $$ values ('http://functions.test/crm-sync', '{"version": 1, "notice": {"alert": "a trouble"}}'::jsonb, 10000) $$, 'to the function');
select ok((select crm_sync._is_signed_by_us(message_id::text, queue.headers ->> 'webhook-timestamp', queue.headers ->> 'webhook-signature',
               convert_from(queue.body, 'UTF8'), array['whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ='])
           from net.http_request_queue as queue join crm_sync.alert_messages on request_id = queue.id where text = 'a trouble'), 'signed');
select crm_sync.alert(now() + '30 seconds');
select is(pg_temp.posted(), 1, 'not again at once');
select crm_sync.alert(now() + '1 minute');
select is(pg_temp.posted(), 1, 'nor while pg_net holds it');
delete from net.http_request_queue;
select crm_sync.alert(now() + '1 minute');
select is(pg_temp.posted(), 2, 'but when it is lost');
delete from net.http_request_queue;
select pg_temp.answered('{"outcome": "retry", "error": "the alert''s receiver answered 503"}');
select crm_sync.alert(now() + '3 minutes');
select is(pg_temp.posted(), 3, 'also after one that says so');
select pg_temp.answered('{"outcome": "delivered"}');
select crm_sync.alert(now() + '1 hour');
select is(pg_temp.posted(), 3, 'no more once it has arrived');
select is((select outcome from crm_sync.alert_messages where text = 'a trouble' and closed_at = now() + '1 hour'), 'delivered', 'which is kept');

select * from finish();
rollback;
