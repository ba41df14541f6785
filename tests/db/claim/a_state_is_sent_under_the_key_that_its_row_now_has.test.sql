begin;
set local search_path = public, extensions;
select plan(2);
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

-- A payment that gets its request before it is first read tells of that request: it must not leave beside it.
insert into requests (id, status) values ('20000000-0000-4000-8000-000000000001', 'submitted');
set constraints all immediate;
set constraints all deferred;
insert into payments (id, amount, status) values ('40000000-0000-4000-8000-000000000001', 12900, 'succeeded');
update payments set request_id = '20000000-0000-4000-8000-000000000001';
set constraints all immediate;
select crm_sync.tick();

select results_eq(
    $$select route, ordering_key, status, record is null as is_unread from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('request', 'request:20000000-0000-4000-8000-000000000001', 'in_flight', false),
             ('payment_status', 'request:20000000-0000-4000-8000-000000000001', 'pending', true)$$,
    'it waits for the request that is under way');

select pg_temp.answer('delivered');
select crm_sync.tick();

select results_eq(
    $$select status, record #>> '{request,id}' from crm_sync.deliveries where captured_at >= now() and route = 'payment_status'$$,
    $$values ('in_flight', '20000000-0000-4000-8000-000000000001')$$,
    'and leaves behind it');

select * from finish();
rollback;
