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
update crm_sync.deliveries set status = 'cancelled', finished_at = now() where captured_at >= now();
create temp table given as select delivery_id from crm_sync.deliveries where captured_at >= now();
select crm_sync.redeliver(array(select delivery_id from given), p_note => 'the receiver was mended');
select crm_sync.redeliver(array(select delivery_id from given), true);

select is((select array_agg(status) from crm_sync.deliveries where captured_at >= now()), array['pending'], 'one delivery, pending');
select results_eq(
    $$select operator = session_user, action, arguments, affected_count, note from crm_sync.operations where operated_at >= now() order by operation_id$$,
    $$select true, 'redeliver', jsonb_build_object('delivery_ids', jsonb_build_array(delivery_id), 'force', forced), count, note
      from given cross join (values (false, 1, 'the receiver was mended'), (true, 0, null)) as calls (forced, count, note)$$, 'two lines');

select * from finish();
rollback;
