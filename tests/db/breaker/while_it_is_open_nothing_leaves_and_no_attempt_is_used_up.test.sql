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

update crm_sync.breakers set state = 'open', reason = 'failures in a row', open_count = 1, open_until = '2040-01-01 00:00:30+00' where breaker = 'monelec';
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
set constraints all immediate;
select results_eq(
    $$select route, status from crm_sync.deliveries where captured_at >= now() order by 1$$,
    $$values ('lead', 'pending'), ('order_confirmation', 'in_flight')$$, 'not at commit; another destination does not notice');

select crm_sync.tick('2040-01-01 00:00:00+00');
select crm_sync.tick('2040-01-01 00:00:29.999+00');
select results_eq(
    $$select status, attempt_count, claimed_at from crm_sync.deliveries where captured_at >= now() and route = 'lead'$$,
    $$values ('pending', 0, null::timestamptz)$$, 'nor by the tick, before its time');

update crm_sync.breakers set state = 'closed', reason = null, open_count = 0, open_until = null where breaker = 'monelec';
select crm_sync.tick('2040-01-01 00:00:30+00');
select results_eq(
    $$select status, attempt_count from crm_sync.deliveries where captured_at >= now() and route = 'lead'$$, $$values ('in_flight', 0)$$,
    'once closed it leaves with all its attempts');

select * from finish();
rollback;
