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
-- pg_net's answer to each of our requests to this destination: the platform's, not the function's.
create function pg_temp.fail(p_destination text default 'monelec')
returns void
language sql
as $$
    with gone as (
        delete from net.http_request_queue as queue
        using crm_sync.envelopes
        where envelopes.request_id = queue.id and envelopes.status = 'in_flight' and envelopes.destination = p_destination
        returning queue.id
    )
    insert into net._http_response (id, status_code, content, created)
    select gone.id, 546, 'WORKER_LIMIT', now() from gone;
$$;

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 2) as n;
do $$
declare
    v_now timestamptz := '2040-01-01';
begin
    for v_round in 1 .. 5 loop
        v_now := v_now + interval '1 hour';
        insert into orders (id, status) values (gen_random_uuid(), 'confirmed');
        perform crm_sync.tick(v_now);
        perform pg_temp.fail('monelec');
        perform pg_temp.answer('delivered');
        update crm_sync.settings set is_running = false;
        perform crm_sync.tick(v_now + interval '1 second');
        update crm_sync.settings set is_running = true;
        -- As if they were never sent in halves.
        update crm_sync.deliveries set envelope_failure_count = 0, next_attempt_at = v_now where captured_at >= now() and status = 'pending';
    end loop;
end $$;

select results_eq(
    $$select status, failed_alone_count, count(*)::int from crm_sync.deliveries where captured_at >= now() and route = 'lead' group by 1, 2$$,
    $$values ('pending', 0, 2)$$, 'either of the two may be at fault');

select * from finish();
rollback;
