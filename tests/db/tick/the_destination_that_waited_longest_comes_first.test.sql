begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = false;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

update crm_sync.settings set max_requests_in_flight = 1;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into orders (id, quantity, status) values ('50000000-0000-4000-8000-000000000001', 1, 'confirmed');
update crm_sync.settings set is_running = true;

savepoint once;
update crm_sync.destinations set last_delivered_at = case when destination = 'monelec' then now() end;
select crm_sync.tick(clock_timestamp());
select is((select destination from crm_sync.deliveries where captured_at >= now() and status = 'in_flight'), 'elementor', 'one that took nothing yet');
rollback to once;
update crm_sync.destinations set last_delivered_at = now() - case when destination = 'monelec' then interval '1 hour' else interval '1 minute' end;
select crm_sync.tick(clock_timestamp());
select is((select destination from crm_sync.deliveries where captured_at >= now() and status = 'in_flight'), 'monelec', 'else one whose last delivery is longer ago');

select * from finish();
rollback;
