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

insert into requests (id, status) values ('20000000-0000-4000-8000-000000000001', 'submitted');
update requests set city = 'Lyon' where id = '20000000-0000-4000-8000-000000000001';
insert into payments (id, request_id, stripe_session_id) values ('40000000-0000-4000-8000-000000000001', '20000000-0000-4000-8000-000000000001', 'cs_1');
update requests set city = 'Paris' where id = '20000000-0000-4000-8000-000000000001';
update requests set city = 'Nice' where id = '20000000-0000-4000-8000-000000000001';
set constraints all immediate;
select is(
    (select array_agg(status order by delivery_id) from crm_sync.deliveries where captured_at >= now()),
    array['pending', 'in_flight', 'in_flight', 'pending', 'in_flight'],
    'two runs, for a delivery of another route stands between them');
select is(
    (select array_agg(delivery #>> '{record,city}' order by n)
     from net.http_request_queue join crm_sync.envelopes on envelopes.request_id = http_request_queue.id
     cross join jsonb_array_elements(convert_from(body, 'UTF8')::jsonb -> 'deliveries') with ordinality as deliveries (delivery, n)
     where dispatched_at >= now()),
    array['Nice', null, 'Nice'], 'in the order of capture');

select pg_temp.answer('delivered');
select crm_sync.tick();
select results_eq(
    $$select d.status, newer.delivery_id - d.delivery_id, d.finished_at is not null
      from crm_sync.deliveries as d left join crm_sync.deliveries as newer on newer.delivery_id = d.superseded_by
      where d.captured_at >= now() order by d.delivery_id$$,
    $$values ('superseded', 1::bigint, true), ('delivered', null, true), ('delivered', null, true), ('superseded', 1, true), ('delivered', null, true)$$,
    'delivered, each supersedes what it covered');

select * from finish();
rollback;
