begin;
set local search_path = public, extensions;
select plan(3);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
update crm_sync.deliveries set next_attempt_at = '2040-01-01 00:00:00+00' where captured_at >= now();
select crm_sync.tick('2039-12-31 23:59:59.999+00');
select is((select status from crm_sync.deliveries where captured_at >= now()), 'pending', 'a moment before');

select crm_sync.tick('2040-01-01 00:00:00+00');
select is((select status from crm_sync.deliveries where captured_at >= now()), 'in_flight', 'at its time');
select results_eq(
    $$select dispatched_at, lease_until from crm_sync.envelopes where destination = 'monelec' and dispatched_at >= '2040-01-01'$$,
    $$values ('2040-01-01 00:00:00+00'::timestamptz, '2040-01-01 00:02:00+00'::timestamptz)$$, 'leased from then');

select * from finish();
rollback;
