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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test'), ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
set constraints all immediate;
set constraints all deferred;
select pg_temp.answer('reject', '{"status": 422, "error_code": "receiver_status_422", "error": "no <email>"}');
select crm_sync.tick();
update leads set phone = '06';
create temp table erased as select * from crm_sync.erase('public.leads', '10000000-0000-4000-8000-000000000001', 'asked by letter');

select results_eq(
    $$select right(row_id, 1), operation, status, record ->> 'email', last_error, last_error_code, last_status from crm_sync.deliveries where captured_at >= now() order by 1, delivery_id$$,
    $$values ('1', 'INSERT', 'dead', null, null, 'receiver_status_422', 422), ('1', 'UPDATE', 'cancelled', null, null, 'erased', null),
             ('2', 'INSERT', 'dead', 'bob@example.test', 'no <email>', 'receiver_status_422', 422), ('2', 'UPDATE', 'pending', null, null, null, null)$$,
    'what waits is cancelled; another row keeps everything');
select results_eq(
    $$select right(row_id, 1), outcome, attempts.status, error from crm_sync.delivery_attempts as attempts join crm_sync.deliveries using (delivery_id) where captured_at >= now() order by 1$$,
    $$values ('1', 'reject', 422, null), ('2', 'reject', 422, 'no <email>')$$, 'also of the attempts');
select results_eq(
    'select delivery_id, status from erased',
    $$select delivery_id, status from crm_sync.deliveries where captured_at >= now() and right(row_id, 1) = '1' order by 1$$, 'it returns them');
select results_eq(
    $$select operator = session_user, action, arguments, affected_count, note from crm_sync.operations where operated_at >= now()$$,
    $$values (true, 'erase', '{"table": "public.leads", "row_id": "10000000-0000-4000-8000-000000000001"}'::jsonb, 2, 'asked by letter')$$, 'and leaves its line');

select * from finish();
rollback;
