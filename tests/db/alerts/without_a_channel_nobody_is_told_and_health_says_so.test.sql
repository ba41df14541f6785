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
create function pg_temp.health(p_after interval) returns text language sql as
    $$ select level || ': ' || detail from crm_sync.health(now() + p_after) where check_name = 'alerts' $$;
select crm_sync.alert(now());
delete from net.http_request_queue;
delete from crm_sync.alert_messages where text <> 'a trouble';
select is(pg_temp.health('2 minutes'), 'ok: last told: never', 'an answer is awaited');
select pg_temp.answered('{"outcome": "misconfigured", "error": "CRM_SYNC_ALERT_URL is not set among the function''s secrets"}');
select crm_sync.alert(now() + '29 minutes');
select is(pg_temp.posted(), 1, 'the function is not called in vain');
select is(pg_temp.health('30 minutes'), 'warning: an alert of 30 min ago did not arrive: CRM_SYNC_ALERT_URL is not set among the function''s secrets', 'health() says why');
select crm_sync.alert(now() + '31 minutes');
select is(pg_temp.posted(), 2, 'but it is still told once the secret is set');
select is((select count(*)::int from crm_sync.alerts where check_name = 'alerts'), 0, 'and no alert is made of it');

select * from finish();
rollback;
