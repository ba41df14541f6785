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

select crm_sync.pause('monelec');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
set constraints all immediate;
select crm_sync.tick('2040-01-01 00:00:00+00');
select results_eq(
    $$select route, status, attempt_count, is_parked from crm_sync.deliveries where captured_at >= now() order by 1$$,
    $$values ('lead', 'pending', 0, false), ('order_confirmation', 'in_flight', 0, false)$$, 'captured, not sent; the other destination goes on');

select crm_sync.tick('2041-01-01 00:00:00+00');
select is(
    (select attempt_count from crm_sync.deliveries where captured_at >= now() and route = 'lead'), 0, 'however long');
select crm_sync.resume('monelec');
select crm_sync.tick('2041-01-01 00:00:02+00');
select results_eq(
    $$select status, attempt_count from crm_sync.deliveries where captured_at >= now() and route = 'lead'$$, $$values ('in_flight', 0)$$, 'resumed, it leaves');

select * from finish();
rollback;
