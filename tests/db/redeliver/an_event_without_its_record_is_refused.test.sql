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

insert into orders (id, status) values ('30000000-0000-4000-8000-000000000001', 'confirmed');
insert into orders (id, status) values ('30000000-0000-4000-8000-000000000002', 'confirmed');
set constraints all immediate;
set constraints all deferred;
select pg_temp.answer('reject', '{"error_code": "invalid_record"}');
select crm_sync.tick();
update crm_sync.deliveries set record = null where captured_at >= now() and right(row_id, 1) = '2';
select bag_eq($$select right(row_id, 1), status from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('1', 'dead'), ('2', 'dead')$$, 'the function refused both, no receiver has seen them');

select results_eq(
    $$select right(row_id, 1), redelivered, reason
      from crm_sync.redeliver(array(select delivery_id from crm_sync.deliveries where captured_at >= now()))
      join crm_sync.deliveries using (delivery_id) order by 1$$,
    $$values ('1', true, null), ('2', false, 'its record is no longer kept; backfill the row instead')$$,
    'an event is its record: its row may tell another by now');
select results_eq(
    $$select redelivered, reason from crm_sync.redeliver(array(select delivery_id from crm_sync.deliveries where captured_at >= now() and right(row_id, 1) = '2'), true)$$,
    $$values (false, 'its record is no longer kept; backfill the row instead')$$, 'by force neither');
select crm_sync.tick();
select bag_eq($$select right(row_id, 1), status from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('1', 'in_flight'), ('2', 'dead')$$, 'what is refused stays as it is');

-- A state is its row, which is there.
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000003', 'ada@example.test');
update crm_sync.deliveries set status = 'dead', finished_at = now(), claimed_at = now() where captured_at >= now() and right(row_id, 1) = '3';
select is(
    (select redelivered from crm_sync.redeliver(array(select delivery_id from crm_sync.deliveries where captured_at >= now() and right(row_id, 1) = '3'))),
    true, 'a state without a record is read again');

select * from finish();
rollback;
