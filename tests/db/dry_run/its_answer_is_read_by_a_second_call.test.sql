begin;
set local search_path = public, extensions;
select plan(4);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

create function pg_temp.told(p_results jsonb, p_secret text default 'whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=') returns void language sql as $$
    delete from net._http_response;
    insert into net._http_response (id, status_code, headers, content)
    select (arguments ->> 'request_id')::bigint, 200, jsonb_build_object('Webhook-Id', arguments ->> 'dry_run_id', 'Webhook-Timestamp', '1760000000',
               'Webhook-Signature', crm_sync._signatures(arguments ->> 'dry_run_id', '1760000000', made.content, array[p_secret])), made.content
    from crm_sync.operations
    cross join lateral (select jsonb_build_object('envelope_id', operations.arguments ->> 'dry_run_id', 'results', p_results)::text as content) as made
$$;

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
create temp table asked as select * from crm_sync.dry_run('leads', '10000000-0000-4000-8000-000000000001');
prepare answer as select route, would, destination, path, payload, error_code from asked, crm_sync.dry_run_result(asked.dry_run_id);
select results_eq('answer', $$values (null, 'wait', null, null, null::jsonb, null)$$, 'which waits for nothing');
select pg_temp.told('[{"route": "lead", "would": "send", "destination": "monelec", "path": "/leads", "payload": {"email": "xxx@xxxxxxx.xxxx"}}]');
select results_eq('answer', $$values ('lead', 'send', 'monelec', '/leads', '{"email": "xxx@xxxxxxx.xxxx"}'::jsonb, null)$$, 'and tells what would be sent');
select pg_temp.told('[{"route": "lead", "would": "send"}]', 'whsec_YW5vdGhlci1vYnZpb3VzbHktZmFrZS1zZWNyZXQh');
select results_eq('answer', $$values (null, 'fail', null, null, null::jsonb, 'no_usable_answer')$$, 'a stranger''s is none');
select pg_temp.told('[{"delivery_id": 1, "outcome": "misconfigured", "error_code": "wrong_destination"}]');
select results_eq('answer', $$values (null, 'fail', null, null, null::jsonb, 'no_usable_answer')$$, 'nor that of an older function');

select * from finish();
rollback;
