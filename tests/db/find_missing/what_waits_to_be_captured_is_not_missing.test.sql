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

insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
delete from crm_sync.deliveries where captured_at >= now();
insert into crm_sync.capture_failures (table_name, operation, row_ids, old_rows, new_rows, sql_state)
select 'public.orders', 'INSERT', array[orders.id::text], '[]', jsonb_build_array(to_jsonb(orders)), '55P03' from orders
where id = '50000000-0000-4000-8000-000000000001';
select is_empty($$select * from crm_sync.repair_missing()$$, 'the tick captures it');
select crm_sync.tick();
select is(
    (select count(*)::int from crm_sync.deliveries where captured_at >= now()), 1, 'and it is sent once');

select * from finish();
rollback;
