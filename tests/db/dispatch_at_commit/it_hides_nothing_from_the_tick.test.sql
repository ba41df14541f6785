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

-- A tick that settles the first request at that moment would see nothing to wake.
insert into requests (id, status) values ('20000000-0000-4000-8000-000000000001', 'submitted');
set constraints all immediate;
set constraints all deferred;
update requests set city = 'Lyon' where id = '20000000-0000-4000-8000-000000000001';
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
delete from leads where id = '10000000-0000-4000-8000-000000000001';
set constraints all immediate;

select results_eq(
    $$select route, operation, status, is_parked from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('request', 'INSERT', 'in_flight', false), ('request', 'UPDATE', 'pending', false), ('lead', 'INSERT', 'cancelled', false)$$,
    'what waits behind one under way stays visible, also when another key''s was set aside');

select * from finish();
rollback;
