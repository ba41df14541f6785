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


insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test');
update customers set email = 'ada@corrected.test' where id = '30000000-0000-4000-8000-000000000001';
-- As if that had been committed by a transaction that ended long ago.
update crm_sync.related_changes set changed_in = '3';
insert into requests (id, customer_id, status) values ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001', 'submitted');
set constraints all immediate;
select crm_sync.tick();

select results_eq(
    $$select operation, status, record -> 'customer' ->> 'email' from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('INSERT', 'in_flight', 'ada@corrected.test')$$, 'it has read the corrected customer');

select * from finish();
rollback;
