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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
set constraints all immediate;
create temp table first_signature as select headers ->> 'webhook-signature' as signature from net.http_request_queue
join crm_sync.envelopes on envelopes.request_id = id and dispatched_at >= now();
select pg_temp.answer('not_attempted', '{"error_code": "expired"}');
update net._http_response set status_code = 409 where id = (select request_id from crm_sync.envelopes where dispatched_at >= now());
select crm_sync.tick();

select results_eq(
    $$select deliveries.status, attempt_count, envelope_failure_count, wait_count from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('in_flight', 0, 0, 1)$$, 'in the same tick, no attempt counted');
select isnt(
    (select headers ->> 'webhook-signature' from net.http_request_queue join crm_sync.envelopes on envelopes.request_id = id
     where envelopes.status = 'in_flight' and dispatched_at >= now()),
    (select signature from first_signature), 'under a signature of its own');


select pg_temp.answer('not_attempted', '{"error_code": "expired"}');
select crm_sync.tick();
select results_eq(
    $$select status, attempt_count, wait_count, next_attempt_at > clock_timestamp() + interval '7 s' from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('pending', 0, 2, true)$$, 'refused again it waits: the clocks differ, and nobody is called without pause');
update crm_sync.deliveries set next_attempt_at = now() where captured_at >= now();
select crm_sync.tick();
select pg_temp.answer('delivered');
select crm_sync.tick();
select results_eq(
    $$select status, wait_count from crm_sync.deliveries where captured_at >= now()$$, $$values ('delivered', 0)$$,
    'until they agree');

select * from finish();
rollback;
