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

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 3) as n;
delete from crm_sync.deliveries where captured_at >= now() and right(row_id, 1) = '2';
select results_eq(
    $$select route, right(row_id, 1), reason from crm_sync.find_missing('leads')$$, $$values ('lead', '2', 'no delivery')$$, 'it alone');
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now()), 2, 'finding changes nothing');

insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'pending'), ('50000000-0000-4000-8000-000000000002', 'confirmed');
delete from crm_sync.deliveries where captured_at >= now();
select results_eq(
    $$select route, right(row_id, 1) from crm_sync.find_missing('public.orders')$$, $$values ('order_confirmation', '2')$$, 'only what a route is about');

select * from finish();
rollback;
