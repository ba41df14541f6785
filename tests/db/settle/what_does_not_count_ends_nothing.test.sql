begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test'), ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
insert into crm_sync.envelopes (envelope_id, destination, request_id, delivery_count, dispatched_at, lease_until)
values ('11111111-1111-4111-8111-111111111111', 'monelec', 1, 2, now(), now() + interval '2 minutes');
-- Their attempts are used up, and the destination has taken another delivery since the first one.
update crm_sync.deliveries
set status = 'in_flight', claimed_at = now() - interval '4 days', envelope_id = '11111111-1111-4111-8111-111111111111', attempt_count = 11
where captured_at >= now();
update crm_sync.routes set last_delivered_at = now() - interval '1 hour';
select crm_sync._settle(array(
    select row(delivery_id, envelope_id, outcome, false, false, null, null, error_code, '')::crm_sync.settlement
    from crm_sync.deliveries
    join (values ('1', 'not_attempted', 'deadline'), ('2', 'misconfigured', 'missing_secret')) as given (n, outcome, error_code) on right(row_id, 1) = n
    where status = 'in_flight'), now());
select results_eq(
    $$select status, attempt_count, last_outcome from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('pending', 11, 'not_attempted'), ('pending', 11, 'misconfigured')$$,
    'nobody has refused them for the last time yet');

select * from finish();
rollback;
