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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into crm_sync.deliveries (route, destination, table_name, row_id, operation, ordering_key)
select 'order_confirmation', 'elementor', 'public.orders', '1', 'INSERT', ordering_key from crm_sync.deliveries;
update crm_sync.deliveries set is_parked = true where destination = 'monelec';
select crm_sync._wake_forgotten_keys();
select is((select is_parked from crm_sync.deliveries where destination = 'monelec'), false, 'each destination has an order of its own');

select * from finish();
rollback;
