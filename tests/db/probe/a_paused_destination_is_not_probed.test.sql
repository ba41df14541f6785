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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
update crm_sync.destinations set is_paused = destination = 'monelec', last_delivered_at = case destination when 'elementor' then now() end;
update crm_sync.breakers set state = 'open', reason = 'failures in a row', open_count = 1, open_until = '2040-01-01 00:00:00+00';
select crm_sync.tick('2040-01-01 00:00:00+00');

select results_eq(
    $$select route, status from crm_sync.deliveries where captured_at >= now() order by 1$$,
    $$values ('lead', 'pending'), ('order_confirmation', 'in_flight')$$, 'another one is');
select results_eq(
    $$select breaker, state from crm_sync.breakers order by 1$$,
    $$values ('elementor', 'half_open'), ('function', 'half_open'), ('monelec', 'open')$$, 'its breaker stays open');

select * from finish();
rollback;
