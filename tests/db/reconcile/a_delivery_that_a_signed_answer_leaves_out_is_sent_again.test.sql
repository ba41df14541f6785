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

insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed'), ('50000000-0000-4000-8000-000000000002', 'confirmed');
set constraints all immediate;
select pg_temp.answer('delivered');
update net._http_response as answers
set content = made.content,
    headers = headers || jsonb_build_object('webhook-signature', crm_sync._signatures(headers ->> 'webhook-id', '1760000000', made.content, array['whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=']))
from (
    select envelopes.request_id, jsonb_build_object('envelope_id', envelope_id, 'results', jsonb_build_array(
        jsonb_build_object('delivery_id', min(delivery_id), 'outcome', 'delivered')))::text as content
    from crm_sync.deliveries join crm_sync.envelopes using (envelope_id) where captured_at >= now() group by 1, envelope_id
) as made
where answers.id = made.request_id;
update crm_sync.settings set is_running = false;
select crm_sync.tick('2040-01-01 00:00:00+00');
select crm_sync.tick('2040-01-02 00:00:00+00');

select results_eq(
    $$select status, attempt_count, envelope_failure_count, last_error_code from crm_sync.deliveries where captured_at >= now() order by row_id$$,
    $$values ('delivered', 1, 0, null), ('pending', 0, 1, 'no_usable_answer')$$, 'no attempt counted; it is not in flight for ever');
select is((select last_error from crm_sync.deliveries where status = 'pending'), 'the function''s answer leaves this delivery out', 'and why');

select * from finish();
rollback;
