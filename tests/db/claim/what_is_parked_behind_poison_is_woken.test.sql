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
-- pg_net's answer to each of our requests to this destination: the platform's, not the function's.
create function pg_temp.fail(p_destination text default 'monelec')
returns void
language sql
as $$
    with gone as (
        delete from net.http_request_queue as queue
        using crm_sync.envelopes
        where envelopes.request_id = queue.id and envelopes.status = 'in_flight' and envelopes.destination = p_destination
        returning queue.id
    )
    insert into net._http_response (id, status_code, content, created)
    select gone.id, 546, 'WORKER_LIMIT', now() from gone;
$$;

insert into requests (id, status) values ('20000000-0000-4000-8000-000000000001', 'submitted');
set constraints all immediate;
set constraints all deferred;
insert into payments (id, request_id, stripe_session_id) values ('40000000-0000-4000-8000-000000000001', '20000000-0000-4000-8000-000000000001', 'cs_1');
select crm_sync.tick();
update crm_sync.deliveries set failed_alone_count = 2, failed_alone_since = '2026-01-01' where captured_at >= now() and route = 'request';
insert into crm_sync.envelopes (envelope_id, destination, request_id, delivery_count, dispatched_at, lease_until, status, settled_at)
select gen_random_uuid(), 'elementor', 0, 1, '2026-01-02', '2026-01-02', 'answered', '2026-01-02' from generate_series(1, 5);
select pg_temp.fail();
select crm_sync.tick();

select results_eq(
    $$select route, status, last_error_code, is_parked from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('request', 'dead', 'poison', false), ('payment_session', 'in_flight', null, false)$$, 'it leaves at once');

select * from finish();
rollback;
