begin;
set local search_path = public, extensions;
select plan(5);
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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test'), ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
set constraints all immediate;
set constraints all deferred;
select pg_temp.answer('delivered');
select crm_sync.tick();
set local crm_sync.capture = 'off';
update leads set utm_source = 'corrected';
update leads set utm_source = 'corrected again' where id = '10000000-0000-4000-8000-000000000001';
insert into orders (id, order_number, status) values ('50000000-0000-4000-8000-000000000001', 'CMD-000001', 'confirmed');
set local crm_sync.capture = 'on';
set constraints all immediate;
select results_eq($$select route, status, last_error_code, count(*) from crm_sync.deliveries where operation = 'UPDATE' or route <> 'lead' group by 1, 2, 3 order by 1$$,
    $$values ('lead', 'cancelled', 'capture_off', 3::bigint), ('order_confirmation', 'cancelled', 'capture_off', 1)$$, 'what would have been sent stands in the ledger');
select is((select count(*)::int from net.http_request_queue), 0, 'nothing leaves');
select results_eq($$select operator = session_user, arguments, affected_count from crm_sync.operations where action = 'capture_off'$$,
    $$values (true, '{"public.leads": 3, "public.orders": 1}'::jsonb, 4)$$, 'one line a transaction');
select is_empty($$select * from crm_sync.find_missing('leads') union all select * from crm_sync.find_missing('orders')$$, 'and nobody misses it');
update leads set utm_source = 'changed' where id = '10000000-0000-4000-8000-000000000001';
select is((select status from crm_sync.deliveries order by delivery_id desc limit 1), 'pending', 'the next change is captured as ever');

select * from finish();
rollback;
