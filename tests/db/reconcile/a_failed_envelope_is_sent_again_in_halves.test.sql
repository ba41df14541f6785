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

insert into orders (id, status) select ('50000000-0000-4000-8000-00000000000' || n)::uuid, 'confirmed' from generate_series(1, 8) as n;
update crm_sync.settings set max_envelope_deliveries = 8;
select crm_sync.tick();
create temp table counts (round int, deliveries int, envelopes int);
do $$
declare
    v_now timestamptz := clock_timestamp();
begin
    for v_round in 1 .. 4 loop
        insert into counts
        select v_round, count(*), count(distinct envelope_id) from crm_sync.deliveries where captured_at >= now() and status = 'in_flight';
        with gone as (
            delete from net.http_request_queue using crm_sync.envelopes
            where request_id = http_request_queue.id and envelopes.status = 'in_flight' returning http_request_queue.id)
        insert into net._http_response (id, status_code, created) select id, 500, now() from gone;
        perform crm_sync.tick(v_now);
        -- With the function's breaker open a single delivery would go as a probe.
        delete from crm_sync.breaker_minutes;
        update crm_sync.breakers
        set state = 'closed', reason = null, open_until = null, opened_at = null, open_count = 0,
            failures_in_a_row = 0, failing_since = null, failing_keys = '{}';
        v_now := v_now + interval '1 hour';
        perform crm_sync.tick(v_now);
    end loop;
end $$;

select results_eq(
    'select * from counts order by round', $$values (1, 8, 1), (2, 8, 2), (3, 8, 4), (4, 8, 8)$$, 'at last each alone');
select is(
    (select array_agg(distinct attempt_count) from crm_sync.deliveries where captured_at >= now()), array[0], 'the receiver was never at fault');

select * from finish();
rollback;
