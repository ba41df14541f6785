begin;
set local search_path = public, extensions;
select plan(3);
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
do $$
begin
    for n in 0 .. 24 * 60 - 1 loop
        perform crm_sync._post_messages(now() + n * interval '1 minute');
        delete from net.http_request_queue;
    end loop;
end
$$;
select cmp_ok(pg_temp.posted(), '<=', 60, 'ever more rarely');
select cmp_ok(pg_temp.posted(), '>=', 45, 'but on and on');
select crm_sync.alert(now() + '24 hours 1 minute');
select is((select outcome from crm_sync.alert_messages where text = 'a trouble' and closed_at is not null), 'unknown', 'and then no more');

select * from finish();
rollback;
