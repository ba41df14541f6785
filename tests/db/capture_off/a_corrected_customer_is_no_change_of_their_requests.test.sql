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

insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into requests (id, customer_id, status) values ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001', 'submitted');
set local crm_sync.capture = 'off';
update customers set email = 'new@example.test';
set local crm_sync.capture = 'on';
select is_empty('select * from crm_sync.related_changes', 'while it is off');
update customers set email = 'newer@example.test';
select is((select count(*)::int from crm_sync.related_changes), 1, 'and is one again afterwards');

select * from finish();
rollback;
