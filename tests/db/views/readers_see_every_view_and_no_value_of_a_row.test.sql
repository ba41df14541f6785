begin;
set local search_path = public, extensions;
select plan(2);
-- A system at work: started, ticking, pg_net's worker there, every check green.
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;
set local application_name = 'pg_net 0.20.4 worker';
select crm_sync.start();
create function pg_temp.has_run(p_status text, p_ago interval default '0') returns void language sql as $$
    insert into cron.job_run_details (runid, jobid, username, command, status, start_time, end_time)
    select (select coalesce(max(runid), 0) + 1 from cron.job_run_details), jobid, current_user, command, p_status, now() - p_ago, now() - p_ago
    from cron.job where jobname = 'crm_sync_tick'
$$;
select pg_temp.has_run('succeeded');
create function pg_temp.red() returns text[] language sql as
    $$ select coalesce(array_agg(check_name || ' ' || level order by check_name), '{}') from crm_sync.health() where level <> 'ok' $$;

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
set constraints all deferred;

select pg_temp.answer('reject', '{"status": 422}');
select crm_sync.tick();
grant crm_sync_reader to current_user;
set local role crm_sync_reader;
create temp table seen as
    select to_jsonb(delivery_log)::text as line from crm_sync.delivery_log union all select to_jsonb(dead_letters)::text from crm_sync.dead_letters
    union all select to_jsonb(http_log)::text from crm_sync.http_log union all select to_jsonb(route_health)::text from crm_sync.route_health
    union all select to_jsonb(trace)::text from crm_sync.trace('public.leads', '10000000-0000-4000-8000-000000000001')
    union all select crm_sync.row_status('public.leads', '10000000-0000-4000-8000-000000000001');
reset role;
select is((select count(*) from seen), 7 + (select count(*) from crm_sync.routes), 'a line of each, one for each route, three of the row''s life');
select is_empty($$select line from seen where line ~ 'ada@example.test'$$, 'none with the address');

select * from finish();
rollback;
