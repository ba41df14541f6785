begin;
set local search_path = public, extensions;
select plan(1);

insert into crm_sync.envelopes (envelope_id, destination, request_id, delivery_count, dispatched_at, lease_until)
values ('70000000-0000-4000-8000-000000000001', 'monelec', 0, 1, '2040-01-01 12:00:00+00', '2040-01-01 12:02:00+00');
insert into crm_sync.deliveries (
    delivery_id, route, destination, table_name, row_id, operation, ordering_key, record, status, envelope_id, claimed_at)
overriding system value
values (1, 'lead', 'monelec', 'public.leads', 'x', 'INSERT', 'a', '{}', 'in_flight', '70000000-0000-4000-8000-000000000001', now());
select crm_sync._settle(array[
    row(1, '70000000-0000-4000-8000-000000000001', 'misconfigured', false, false, 401, null, null, null)::crm_sync.settlement], '2040-01-01 12:00:00+00');

select results_eq(
    $$select failures_in_a_row, failing_keys, misconfigured_keys from crm_sync.breakers where breaker = 'monelec'$$,
    $$values (1, array['a'], array['a'])$$, 'no success stands before it');

select * from finish();
rollback;
