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

insert into leads (id, email) values
    ('10000000-0000-4000-8000-000000000001', 'ada@example.test'), ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
set constraints all immediate;
update crm_sync.destinations set max_deliveries_in_flight = 1 where destination = 'monelec';
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000003', 'eve@example.test');
update crm_sync.settings set is_running = false;
insert into orders (id, quantity, status) values ('50000000-0000-4000-8000-000000000001', 1, 'confirmed');
update crm_sync.settings set is_running = true;
select crm_sync.tick(clock_timestamp());

select results_eq(
    $$select destination, row_id, status from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('monelec', '10000000-0000-4000-8000-000000000001', 'in_flight'),
             ('monelec', '10000000-0000-4000-8000-000000000002', 'in_flight'),
             ('monelec', '10000000-0000-4000-8000-000000000003', 'pending'),
             ('elementor', '50000000-0000-4000-8000-000000000001', 'in_flight')$$, 'the other destination''s leave');
select is_empty($$select place from crm_sync.faults$$, 'no step fails');

select * from finish();
rollback;
