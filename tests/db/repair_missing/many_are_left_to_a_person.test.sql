begin;
set local search_path = public, extensions;
select plan(3);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

-- An import or a restore looks just like a hole.
insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 4) as n;
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
delete from crm_sync.deliveries where captured_at >= now();
delete from crm_sync.faults;
select results_eq(
    'select * from crm_sync.repair_missing(3) order by route',
    $$values ('public.leads', 'lead', 4, 0), ('public.orders', 'order_confirmation', 1, 1)$$, 'more than the limit is not touched at all');
select is((select array_agg(route) from crm_sync.deliveries where captured_at >= now()), array['order_confirmation'], 'no delivery of them');
select results_eq(
    'select place, sql_state, detail from crm_sync.faults',
    $$values ('repair of public.leads', 'CS030', '4 rows of public.leads were never sent for route lead: more than 3, left to a person')$$, 'it is noted');

select * from finish();
rollback;
