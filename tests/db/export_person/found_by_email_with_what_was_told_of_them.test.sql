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

insert into leads (id, email, phone) values
    ('10000000-0000-4000-8000-000000000001', 'Ada@example.test ', null), ('10000000-0000-4000-8000-000000000002', 'bob@example.test', '+33 6 12 34 56 78');
insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into requests (id, customer_id, status) values ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001', 'submitted');
insert into orders (id, order_number, client_phone, status) values ('50000000-0000-4000-8000-000000000001', 'CMD-000001', '0612345678', 'confirmed');
set constraints all immediate;
set constraints all deferred;
select pg_temp.answer('delivered');
select crm_sync.tick();

create temp table exported as select * from crm_sync.export_person('ADA@example.test', p_note => 'asked by letter');
select results_eq(
    $$select kind, table_name, route, destination, status from exported$$,
    $$values ('row', 'public.customers', null, null, null), ('row', 'public.leads', null, null, null), ('row', 'public.requests', null, null, null),
             ('delivery', 'public.leads', 'lead', 'monelec', 'delivered'), ('delivery', 'public.requests', 'request', 'monelec', 'delivered')$$,
    'rows as they are, deliveries as they were sent');
select results_eq($$select coalesce(data ->> 'email', data -> 'customer' ->> 'email') from exported where kind = 'delivery'$$,
    $$values ('Ada@example.test '), ('ada@example.test')$$, 'with what they told');
select results_eq($$select action, arguments, affected_count, note from crm_sync.operations where action = 'export_person'$$,
    $$values ('export_person', '{"by": "email"}'::jsonb, 5, 'asked by letter')$$, 'and the line does not name them');

select * from finish();
rollback;
