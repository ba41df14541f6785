begin;
set local search_path = public, extensions;
select plan(4);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into leads (id, email, source) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test', 'web');
select is_empty($$select envelope_id from crm_sync.envelopes where dispatched_at >= now()$$, 'nothing leaves before the commit');
set constraints all immediate;

select results_eq(
    $$select destination, delivery_count, status, lease_until - dispatched_at, http_status, settled_at
      from crm_sync.envelopes where dispatched_at >= now()$$,
    $$values ('monelec', 1, 'in_flight', interval '2 minutes', null::int, null::timestamptz)$$,
    'one envelope, leased for two minutes');
select results_eq(
    $$select deliveries.status, deliveries.envelope_id = envelopes.envelope_id, deliveries.attempt_count,
             deliveries.claimed_at between now() and clock_timestamp(), deliveries.record
      from crm_sync.deliveries join crm_sync.envelopes on envelopes.dispatched_at >= now()
      where deliveries.captured_at >= now()$$,
    $$values ('in_flight', true, 0, true,
        '{"id": "10000000-0000-4000-8000-000000000001", "email": "ada@example.test", "phone": null, "firstname": null, "lastname": null,
          "full_name": null, "connection_type": null, "postal_code": null, "source": "web", "utm_source": null, "utm_medium": null,
          "utm_campaign": null}'::jsonb)$$,
    'the delivery is in flight, its record frozen');
select results_eq(
    $$select method::text, url, timeout_milliseconds, queue.id = envelopes.request_id
      from net.http_request_queue as queue join crm_sync.envelopes on queue.headers ->> 'webhook-id' = envelopes.envelope_id::text
      where envelopes.dispatched_at >= now()$$,
    $$values ('POST', 'http://functions.test/crm-sync', 20000, true)$$, 'pg_net holds the request');

select * from finish();
rollback;
