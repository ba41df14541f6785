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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
set constraints all immediate;
set constraints all deferred;
select pg_temp.fail();
select crm_sync.tick('2040-01-01 00:00:00+00');
-- Five other envelopes are answered meanwhile.
do $$
begin
    for v_order in 1 .. 5 loop
        insert into orders (id, status) values (('50000000-0000-4000-8000-00000000000' || v_order)::uuid, 'confirmed');
        set constraints all immediate;
        set constraints all deferred;
    end loop;
end $$;
select pg_temp.answer('delivered');
select crm_sync.tick('2040-01-01 00:00:01+00');
select crm_sync.tick('2040-01-01 00:01:00+00');
select pg_temp.fail();
select crm_sync.tick('2040-01-01 00:01:01+00');
select results_eq(
    $$select status, failed_alone_count, last_error_code from crm_sync.deliveries where captured_at >= now() and route = 'lead'$$,
    $$values ('pending', 2, 'no_usable_answer')$$, 'not after two');

select crm_sync.tick('2040-01-01 00:02:00+00');
select pg_temp.fail();
select crm_sync.tick('2040-01-01 00:02:01+00');
select results_eq(
    $$select status, failed_alone_count, attempt_count, last_outcome, last_error_code, finished_at from crm_sync.deliveries where captured_at >= now() and route = 'lead'$$,
    $$values ('dead', 3, 0, 'unknown', 'poison', '2040-01-01 00:02:01+00'::timestamptz)$$, 'the third makes it dead, with its reason');
select results_eq(
    $$select error_code, error from crm_sync.delivery_attempts join crm_sync.deliveries using (delivery_id) where captured_at >= now() and route = 'lead' order by settled_at$$,
    $$values ('no_usable_answer', 'HTTP 546, not signed by the function'), ('no_usable_answer', 'HTTP 546, not signed by the function'),
             ('no_usable_answer', 'HTTP 546, not signed by the function')$$, 'each try says why');

select * from finish();
rollback;
