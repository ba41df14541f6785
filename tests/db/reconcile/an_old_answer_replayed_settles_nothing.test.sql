begin;
set local search_path = public, extensions;
select plan(3);
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
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
set constraints all immediate;
set constraints all deferred;
select pg_temp.answer('reject', '{"status": 422}');
create temp table recorded as
select answers.*, destination from net._http_response as answers join crm_sync.envelopes on envelopes.request_id = answers.id and dispatched_at >= now();
update crm_sync.settings set is_running = false;
select crm_sync.tick();
select is((select array_agg(status) from crm_sync.deliveries where captured_at >= now()), array['dead', 'dead'], 'settled by it');

update crm_sync.settings set is_running = true;
select crm_sync.redeliver(array(select delivery_id from crm_sync.deliveries where captured_at >= now()));
select crm_sync.tick();
-- As it was, and with the new envelope's id in front.
delete from net.http_request_queue using crm_sync.envelopes where request_id = id and envelopes.status = 'in_flight';
insert into net._http_response (id, status_code, headers, content, created)
select request_id, 200, case destination when 'monelec' then headers else headers || jsonb_build_object('webhook-id', envelope_id) end,
       case destination when 'monelec' then content else replace(content, headers ->> 'webhook-id', envelope_id::text) end, now()
from crm_sync.envelopes join recorded using (destination) where envelopes.status = 'in_flight' and dispatched_at >= now();
update crm_sync.settings set is_running = false;
select crm_sync.tick();
select results_eq(
    $$select destination, status, attempt_count, last_error_code from crm_sync.deliveries where captured_at >= now() order by 1$$,
    $$values ('elementor', 'pending', 0, 'no_usable_answer'), ('monelec', 'pending', 0, 'no_usable_answer')$$, 'it was the answer to another envelope');
select is(
    (select count(*)::int from crm_sync.delivery_attempts join crm_sync.deliveries using (delivery_id) where captured_at >= now() and outcome = 'reject'), 2, 'each was refused once');

select * from finish();
rollback;
