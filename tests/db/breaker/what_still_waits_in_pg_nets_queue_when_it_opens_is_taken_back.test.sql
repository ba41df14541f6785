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

insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
set constraints all immediate;
-- Three others fail.
update crm_sync.breakers set failures_in_a_row = 2, failing_keys = '{a,b}', failing_since = now() where breaker = 'elementor';
insert into crm_sync.envelopes (envelope_id, destination, request_id, delivery_count, dispatched_at, lease_until)
values ('70000000-0000-4000-8000-000000000001', 'elementor', 0, 1, now(), now() + interval '2 minutes');
insert into crm_sync.deliveries (route, destination, table_name, row_id, operation, ordering_key, record, status, envelope_id, claimed_at)
values ('order_confirmation', 'elementor', 'public.orders', gen_random_uuid(), 'INSERT', 'order:c', '{}', 'in_flight',
        '70000000-0000-4000-8000-000000000001', now());
select crm_sync._settle(array(
    select row(deliveries.delivery_id, deliveries.envelope_id, 'unknown', true, false, null, null, 'receiver_timeout', null)::crm_sync.settlement
    from crm_sync.deliveries where deliveries.envelope_id = '70000000-0000-4000-8000-000000000001'), clock_timestamp());

select results_eq(
    $$select destination, status, attempt_count from crm_sync.deliveries
      where row_id in ('50000000-0000-4000-8000-000000000001', '10000000-0000-4000-8000-000000000001') order by 1$$,
    $$values ('elementor', 'pending', 0), ('monelec', 'in_flight', 0)$$, 'back in the ledger, at no attempt; another destination''s stays');
select results_eq(
    $$select envelopes.destination, count(*) from net.http_request_queue
      join crm_sync.envelopes on envelopes.request_id = http_request_queue.id where dispatched_at >= now() group by 1$$,
    $$values ('monelec', 1::bigint)$$, 'and pg_net does not send it');

select * from finish();
rollback;
