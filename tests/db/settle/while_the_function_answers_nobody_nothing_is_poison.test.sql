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

-- It answered somebody before the first failure, that is no evidence.
insert into crm_sync.envelopes (envelope_id, destination, request_id, delivery_count, dispatched_at, lease_until, status, settled_at)
select gen_random_uuid(), 'elementor', 0, 1, '2039-12-31 23:59:59+00', '2039-12-31 23:59:59+00', 'answered', '2039-12-31 23:59:59+00' from generate_series(1, 5);
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
set constraints all immediate;
do $$
begin
    for v_hour in 0 .. 9 loop
        perform pg_temp.fail();
        perform crm_sync.tick(timestamptz '2040-01-01 00:00:00+00' + v_hour * interval '1 hour');
        -- With the function's breaker open it would go as a probe.
        update crm_sync.breakers
        set state = 'closed', reason = null, open_until = null, opened_at = null, open_count = 0,
            failures_in_a_row = 0, failing_since = null, failing_keys = '{}'
        where breaker = 'function';
        perform crm_sync.tick(timestamptz '2040-01-01 00:30:00+00' + v_hour * interval '1 hour');
    end loop;
end $$;
select results_eq(
    $$select status, failed_alone_count, attempt_count from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('in_flight', 10, 0)$$, 'it waits, ten times alone');

select pg_temp.answer('delivered');
select crm_sync.tick('2040-01-01 10:00:00+00');
select results_eq(
    $$select status, failed_alone_count, failed_alone_since, envelope_failure_count, wait_count from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('delivered', 0, null::timestamptz, 0, 0)$$, 'and is delivered at last');

select * from finish();
rollback;
