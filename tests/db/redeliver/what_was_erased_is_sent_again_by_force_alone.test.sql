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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
select from crm_sync.erase('leads', '10000000-0000-4000-8000-000000000001');
select results_eq(
    $$select redelivered, reason from crm_sync.redeliver(array(select delivery_id from crm_sync.deliveries where captured_at >= now()))$$,
    $$values (false, 'it was erased; backfill the row, or force it')$$, 'who asked for it to be erased is not told of');
select is(
    (select redelivered from crm_sync.redeliver(array(select delivery_id from crm_sync.deliveries where captured_at >= now()), p_force => true)),
    true, 'unless a person says so');

select * from finish();
rollback;
