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
select crm_sync.cancel(array(select delivery_id from crm_sync.deliveries where captured_at >= now()), 'a test of the form');
set constraints all immediate;
select crm_sync.tick('2040-01-01 00:00:00+00');

select results_eq(
    $$select status, envelope_id, attempt_count from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('cancelled', null::uuid, 0)$$, 'neither at commit nor later');
select results_eq(
    $$select operator = session_user, action, arguments, affected_count, note from crm_sync.operations where operated_at >= now()$$,
    $$select true, 'cancel', jsonb_build_object('delivery_ids', jsonb_build_array(delivery_id)), 1, 'a test of the form'
      from crm_sync.deliveries where captured_at >= now()$$, 'it leaves its line');

select * from finish();
rollback;
