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

-- Requests, of which monelec is told, follow customers; orders, of which Elementor is told, follow leads.
select crm_sync.attach_related('leads', 'order_confirmation', 'orders', array['email'], $$select id::text from public.orders where false$$);
insert into customers (id, full_name) values ('30000000-0000-4000-8000-000000000001', 'Ada');
set local crm_sync.origin = 'monelec';
update customers set full_name = 'Ada Lovelace';
select is_empty('select * from crm_sync.related_changes', 'nobody but the origin is told of a customer');

select * from finish();
rollback;
