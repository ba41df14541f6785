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

insert into requests (id, status) values ('20000000-0000-4000-8000-000000000001', 'submitted'),
                                         ('20000000-0000-4000-8000-000000000002', 'submitted');
set constraints all immediate;
set constraints all deferred;
update requests set city = 'Lyon';
select crm_sync.tick();
-- As an operator's cancel leaves it that held the row while the first one was settled, and was rolled back.
update crm_sync.deliveries set is_parked = true where captured_at >= now() and status = 'pending';
update crm_sync.deliveries set status = 'cancelled', envelope_id = null, finished_at = now()
where captured_at >= now() and status = 'in_flight' and row_id = '20000000-0000-4000-8000-000000000001';

select is(crm_sync._wake_forgotten_keys(), 1, 'one key has nothing visible');
select results_eq(
    $$select row_id, is_parked from crm_sync.deliveries where captured_at >= now() and status = 'pending' order by 1$$,
    $$values ('20000000-0000-4000-8000-000000000001', false), ('20000000-0000-4000-8000-000000000002', true)$$,
    'it is shown; what waits behind one under way is not');

select * from finish();
rollback;
