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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'old@example.test');
set constraints all immediate;
set constraints all deferred;
select pg_temp.answer('retry', '{"status": 503}');
select crm_sync.tick();
select crm_sync.cancel(array(select delivery_id from crm_sync.deliveries where captured_at >= now()));
update leads set email = 'new@example.test' where id = '10000000-0000-4000-8000-000000000001';
set constraints all immediate;
select pg_temp.answer('delivered', '{"status": 200}');
select crm_sync.tick();
create temp table old as
select min(delivery_id) as delivery_id, max(delivery_id) as newer_id from crm_sync.deliveries where captured_at >= now();
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now() and status = 'delivered'), 1, 'the newer one arrived');

select results_eq(
    $$select redelivered, reason like 'delivery ' || newer_id || ' % newer state %force%' from crm_sync.redeliver(array[(select delivery_id from old)]) cross join old$$,
    $$values (false, true)$$, 'it would undo it');
select results_eq('select redelivered, reason from crm_sync.redeliver(array[(select delivery_id from old)], true)', $$values (true, null)$$, 'forced');
select crm_sync.tick();
select is(
    (select convert_from(body, 'UTF8')::jsonb #>> '{deliveries,0,record,email}' from net.http_request_queue
     join crm_sync.envelopes on envelopes.request_id = http_request_queue.id where status = 'in_flight' and dispatched_at >= now()),
    'old@example.test', 'the old one is sent');

select * from finish();
rollback;
