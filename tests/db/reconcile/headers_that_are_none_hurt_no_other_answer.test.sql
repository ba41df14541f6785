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

insert into leads (id, email) select ('10000000-0000-4000-8000-0000000000' || n)::uuid, 'ada@example.test' from generate_series(10, 14) as n;
update crm_sync.settings set max_envelope_deliveries = 1;
select crm_sync.tick();
select pg_temp.answer('delivered');
update net._http_response as answers set headers = made.headers
from (select request_id, row_number() over (order by delivery_id) as n from crm_sync.deliveries join crm_sync.envelopes using (envelope_id) where captured_at >= now()) as sent
join (values (1, null::jsonb), (2, '[]'), (3, '"webhook-id"'), (4, '{"webhook-id": ["a"], "webhook-signature": {"v1": null}}')) as made (n, headers) using (n)
where answers.id = sent.request_id;
update crm_sync.settings set is_running = false;
select results_eq($$select affected from crm_sync.tick() where step = 'reconcile'$$, array[5], 'the step does not fail');

select results_eq(
    $$select right(row_id, 1), status from crm_sync.deliveries where captured_at >= now() order by 1$$,
    $$values ('0', 'pending'), ('1', 'pending'), ('2', 'pending'), ('3', 'pending'), ('4', 'delivered')$$, 'the one that is well is read');

select * from finish();
rollback;
