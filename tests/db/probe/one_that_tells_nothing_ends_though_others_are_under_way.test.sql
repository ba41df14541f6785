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

insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
set constraints all immediate;
set constraints all deferred;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
update crm_sync.breakers set state = 'open', reason = 'failures in a row', open_count = 1, open_until = clock_timestamp() where breaker = 'monelec';
select crm_sync.tick();
select crm_sync._settle(array(
    select row(delivery_id, envelope_id, 'not_attempted', false, false, null, null, null, null)::crm_sync.settlement
    from crm_sync.deliveries where captured_at >= now() and destination = 'monelec'), '2040-01-01 00:00:00+00');
update crm_sync.envelopes set status = 'answered', settled_at = '2040-01-01 00:00:00+00' where is_probe and status = 'in_flight';
select crm_sync._settle('{}', '2040-01-01 00:00:00+00');

select results_eq(
    $$select state, open_until, probe_outcome from crm_sync.breakers where breaker = 'monelec'$$,
    $$values ('open', '2040-01-01 00:00:00+00'::timestamptz, 'inconclusive')$$, 'what another destination waits for is no probe of this one');

select * from finish();
rollback;
