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

insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
update orders set status = 'cancelled' where id = '50000000-0000-4000-8000-000000000001';
update orders set status = 'confirmed' where id = '50000000-0000-4000-8000-000000000001';
update crm_sync.deliveries set status = 'cancelled', finished_at = now()
where delivery_id = (select min(delivery_id) from crm_sync.deliveries where captured_at >= now());
update crm_sync.deliveries set status = 'delivered', finished_at = now() where captured_at >= now() and status = 'pending';

select results_eq(
    $$select redelivered from crm_sync.redeliver(array(select delivery_id from crm_sync.deliveries where captured_at >= now() and status = 'cancelled'))$$,
    array[true], 'each happened');

select * from finish();
rollback;
