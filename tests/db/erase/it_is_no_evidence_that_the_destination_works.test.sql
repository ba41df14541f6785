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

-- Evidence makes a delivery dead whose attempts are used up: in an outage that would lose it.
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
update crm_sync.deliveries set status = 'delivered', finished_at = '2020-01-01' where captured_at >= now();
update crm_sync.routes set last_delivered_at = '2020-01-01';
select crm_sync.erase('leads', '10000000-0000-4000-8000-000000000001');

select is((select max(last_delivered_at) from crm_sync.routes where destination = 'monelec'), '2020-01-01', 'nothing was delivered now');

select * from finish();
rollback;
