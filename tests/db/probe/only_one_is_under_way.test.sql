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

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 3) as n;
update crm_sync.breakers set state = 'open', reason = 'failures in a row', open_count = 1, open_until = '2040-01-01 00:00:00+00' where breaker = 'monelec';
select crm_sync.tick('2040-01-01 00:00:00+00');
select results_eq(
    $$select is_probe, delivery_count from crm_sync.envelopes where status = 'in_flight' and dispatched_at >= '2040-01-01'$$,
    $$values (true, 1)$$, 'one delivery leaves when its time has come');
select results_eq(
    $$select state, open_until, probed_at, probe_envelope_id = (select envelope_id from crm_sync.envelopes where is_probe and dispatched_at >= '2040-01-01')
      from crm_sync.breakers where breaker = 'monelec'$$,
    $$values ('half_open', null::timestamptz, '2040-01-01 00:00:00+00'::timestamptz, true)$$, 'the breaker knows which one');

select crm_sync.tick('2040-01-01 00:00:10+00');
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now() and status = 'in_flight'), 1, 'until its answer no other, by the tick');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000004', 'bob@example.test');
set constraints all immediate;
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now() and status = 'in_flight'), 1, 'nor at commit');

select * from finish();
rollback;
