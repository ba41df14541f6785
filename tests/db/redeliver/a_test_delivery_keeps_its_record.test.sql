begin;
set local search_path = public, extensions;
select plan(6);
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

-- The function refuses it: no receiver has seen it.
create temp table tested as select delivery_id from crm_sync.test_delivery('lead');
select crm_sync.tick();
select pg_temp.answer('reject', '{"error_code": "invalid_record"}');
select crm_sync.tick();
select is((select status from crm_sync.deliveries join tested using (delivery_id)), 'dead', 'it can be tried again');

select results_eq('select redelivered, reason from crm_sync.redeliver(array(select delivery_id from tested))', $$values (true, null::text)$$, 'which is said');
select crm_sync.tick();
select results_eq(
    $$select status, record ->> 'email', last_error_code from crm_sync.deliveries join tested using (delivery_id)$$,
    $$values ('in_flight', 'crm-sync-test@example.com', 'invalid_record')$$, 'and done: its record was never a row''s');
select is_empty('select place from crm_sync.faults where noticed_at >= now()', 'without a fault');

select pg_temp.answer('reject', '{"error_code": "invalid_record"}');
select crm_sync.tick();
update crm_sync.deliveries set record = null from tested where deliveries.delivery_id = tested.delivery_id;
select results_eq('select redelivered, reason from crm_sync.redeliver(array(select delivery_id from tested), true)',
    $$values (false, 'its record is no longer kept; call test_delivery() again')$$, 'unless its record was purged');
select is((select status from crm_sync.deliveries join tested using (delivery_id)), 'dead', 'then it stays as it is');

select * from finish();
rollback;
