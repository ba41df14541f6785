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

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 3) as n;
set constraints all immediate;
create temp table opened (probe int, wait interval, opened_at timestamptz);
do $$
declare
    v_breaker crm_sync.breakers;
    v_now     timestamptz := '2040-01-01 00:00:00+00';
begin
    for v_probe in 0 .. 7 loop
        perform pg_temp.answer('retry', '{"status": 503}');
        perform crm_sync.tick(v_now);
        select * into v_breaker from crm_sync.breakers where breaker = 'monelec';
        insert into opened values (v_probe, v_breaker.open_until - v_now, v_breaker.opened_at);
        v_now := v_breaker.open_until;
        perform crm_sync.tick(v_now);
    end loop;
end $$;

select is(
    (select array_agg(wait order by probe) from opened),
    array['30 s', '1 min', '2 min', '4 min', '8 min', '15 min', '15 min', '15 min']::interval[], 'thirty seconds at first');
select is((select array_agg(distinct opened_at) from opened), array['2040-01-01 00:00:00+00']::timestamptz[], 'it knows since when it is open');

select * from finish();
rollback;
