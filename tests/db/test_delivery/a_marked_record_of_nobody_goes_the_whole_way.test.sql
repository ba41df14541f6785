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
-- The function's answer to each request of ours in pg_net's queue, signed as it signs; http_status, id and headers as pg_net keeps them.
create function pg_temp.answer(p_outcome text, p_fields jsonb default '{}')
returns void
language sql
as $$
    with requests as (
        delete from net.http_request_queue as queue
        using crm_sync.envelopes
        where envelopes.request_id = queue.id and envelopes.status = 'in_flight'
        returning queue.id, envelopes.envelope_id, convert_from(queue.body, 'UTF8')::jsonb -> 'deliveries' as deliveries
    ),
    answers as (
        select requests.id, requests.envelope_id::text, jsonb_build_object(
            'envelope_id', requests.envelope_id,
            'results', (
                select jsonb_agg(jsonb_build_object('delivery_id', delivery -> 'id', 'outcome', p_outcome) || p_fields)
                from jsonb_array_elements(requests.deliveries) as delivery
            ))::text as content
        from requests
    )
    insert into net._http_response (id, status_code, headers, content, created)
    select answers.id, 200, jsonb_build_object(
               'webhook-id', answers.envelope_id,
               'webhook-timestamp', '1760000000',
               'webhook-signature', crm_sync._signatures(
                   answers.envelope_id, '1760000000', answers.content, array['whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ='])),
           answers.content, now()
    from answers;
$$;

create temp table tested as select * from crm_sync.test_delivery('lead', 'after the deploy');
select results_eq('select destination_state, see from tested',
    $$select 'open', format('select status, last_status, last_error_code, last_error from crm_sync.delivery_log where delivery_id = %s;', delivery_id) from tested$$, 'where to see it');
select crm_sync.tick();
select results_eq($$select delivery -> 'record' ->> 'email', delivery ->> 'type', delivery ->> 'table' from net.http_request_queue
      cross join jsonb_array_elements(convert_from(body, 'UTF8')::jsonb -> 'deliveries') as delivery$$,
    $$values ('crm-sync-test@example.com', 'TEST', 'test_delivery')$$, 'it says what it is');
select pg_temp.answer('delivered', '{"status": 201}');
select crm_sync.tick();
select results_eq('select status, last_status from crm_sync.delivery_log join tested using (delivery_id)', $$values ('delivered', 201)$$, 'and is settled');
select results_eq($$select action, arguments ->> 'route', note from crm_sync.operations$$, $$values ('test_delivery', 'lead', 'after the deploy')$$, 'leaving a line');

select * from finish();
rollback;
