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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into orders (id, order_number, status) values ('50000000-0000-4000-8000-000000000001', 'CMD-000001', 'confirmed');
insert into requests (id, status) values ('20000000-0000-4000-8000-000000000001', 'submitted');
insert into payments (id, request_id, stripe_session_id) values ('40000000-0000-4000-8000-000000000001', '20000000-0000-4000-8000-000000000001', 'cs_1');
insert into orders (id, order_number, status) values ('50000000-0000-4000-8000-000000000002', 'CMD-000002', 'confirmed');
set constraints all immediate;

select results_eq(
    $$select body ->> 'destination', (select array_agg(delivery ->> 'route' order by n)
                                      from jsonb_array_elements(body -> 'deliveries') with ordinality as deliveries (delivery, n))
      from (select convert_from(queue.body, 'UTF8')::jsonb as body from net.http_request_queue as queue
            join crm_sync.envelopes on envelopes.request_id = queue.id where dispatched_at >= now()) as posted
      order by 1$$,
    $$values ('elementor', array['order_confirmation', 'order_confirmation']),
             ('monelec', array['lead', 'request', 'payment_session'])$$,
    'each in the order of capture');

select * from finish();
rollback;
