begin;
set local search_path = public, extensions;
select plan(5);
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
select pg_temp.answered('{"outcome": "delivered"}', 'whsec_YW5vdGhlci1vYnZpb3VzbHktZmFrZS1zZWNyZXQh');
delete from net.http_request_queue;
select crm_sync.alert(now() + '1 minute');
select is(pg_temp.posted(), 2, 'it is posted again');
select is((select error from crm_sync.alert_messages where text = 'a trouble'), 'HTTP 207, not the function''s answer to an alert', 'and that is said');
update net._http_response set headers = '"none"';
delete from net.http_request_queue;
select crm_sync.alert(now() + '3 minutes');
select is(pg_temp.posted(), 3, 'nor does one whose headers are none');
update net._http_response as answers
set content = 'no JSON', headers = jsonb_build_object('webhook-id', message_id, 'webhook-timestamp', '1760000000', 'webhook-signature',
    crm_sync._signatures(message_id::text, '1760000000', 'no JSON', array['whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=']))
from crm_sync.alert_messages where text = 'a trouble';
update net._http_response set id = (select request_id from crm_sync.alert_messages where text = 'a trouble');
delete from net.http_request_queue;
select is((select affected from crm_sync.alert(now() + '7 minutes') where step = 'answers'), 1, 'one of ours that is no answer is read');
select is(pg_temp.posted(), 4, 'and ends none');

select * from finish();
rollback;
