begin;
set local search_path = public, extensions;
select plan(1);
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

insert into orders (id, status) select ('50000000-0000-4000-8000-00000000000' || n)::uuid, 'confirmed' from generate_series(1, 4) as n;
set constraints all immediate;
select pg_temp.answer('delivered');
update net._http_response as answers
set content = made.content,
    headers = headers || jsonb_build_object('webhook-signature', crm_sync._signatures(headers ->> 'webhook-id', '1760000000', made.content, array['whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=']))
from (
    select envelopes.request_id, jsonb_build_object('envelope_id', envelope_id, 'results', jsonb_agg(
        jsonb_build_object('delivery_id', delivery_id) || outcome order by delivery_id desc))::text as content
    from crm_sync.deliveries
    join crm_sync.envelopes using (envelope_id)
    join (values ('1', '{"outcome": "delivered", "status": 201}'::jsonb), ('2', '{"outcome": "retry", "status": 503, "retry_after": 60, "error_code": "receiver_status_503", "error": "busy"}'),
                 ('3', '{"outcome": "reject", "status": 422, "error_code": "receiver_status_422", "error": "no <client_name>"}'), ('4', '{"outcome": "not_attempted", "error_code": "deadline"}')
         ) as outcomes (n, outcome) on right(row_id, 1) = n
    where captured_at >= now()
    group by envelope_id, request_id
) as made
where answers.id = made.request_id;
update crm_sync.settings set is_running = false;
select crm_sync.tick('2040-01-01 00:00:00+00');

select results_eq(
    $$select status, attempt_count, last_outcome, last_status, last_error_code, last_error,
             case status when 'pending' then next_attempt_at - '2040-01-01 00:00:00+00' end
      from crm_sync.deliveries where captured_at >= now() order by row_id$$,
    $$values ('delivered', 1, 'delivered', 201, null, null, null::interval),
             ('pending', 1, 'retry', 503, 'receiver_status_503', 'busy', '60 seconds'),
             ('dead', 1, 'reject', 422, 'receiver_status_422', 'no <client_name>', null),
             ('pending', 0, 'not_attempted', null, 'deadline', null, '0')$$, 'in whatever order the answer lists them');

select * from finish();
rollback;
