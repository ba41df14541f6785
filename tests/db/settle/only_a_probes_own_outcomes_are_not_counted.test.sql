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

-- Beside probes of another destination, before and after.
create function pg_temp.probe() returns void language sql as $$
    insert into crm_sync.envelopes (envelope_id, destination, request_id, delivery_count, is_probe, dispatched_at, lease_until)
    values (gen_random_uuid(), 'elementor', 0, 1, true, now(), now() + interval '2 minutes')
$$;
select pg_temp.probe();
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
set constraints all immediate;
select pg_temp.probe();
select crm_sync._settle(array(
    select row(delivery_id, envelope_id, 'retry', true, false, 503, null, 'receiver_status_503', 'x')::crm_sync.settlement
    from crm_sync.deliveries where status = 'in_flight'), now());
select results_eq(
    $$select (select count(*)::int from crm_sync.delivery_attempts), attempt_count from crm_sync.deliveries$$,
    $$values (1, 1)$$, 'one attempt, and it counts');

select * from finish();
rollback;
