begin;
set local search_path = public, extensions;
select plan(4);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 3) as n;
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
delete from crm_sync.deliveries where captured_at >= now();
select results_eq(
    'select * from crm_sync.repair_missing(3) order by route',
    $$values ('public.leads', 'lead', 3, 3), ('public.orders', 'order_confirmation', 1, 1)$$, 'up to so many a table and route');
select results_eq(
    $$select route, status, is_backfill, count(*)::int from crm_sync.deliveries where captured_at >= now() group by 1, 2, 3 order by 1$$,
    $$values ('lead', 'pending', true, 3), ('order_confirmation', 'pending', true, 1)$$, 'behind what is live');
select results_eq(
    $$select action, arguments ->> 'route', affected_count, note from crm_sync.operations where operated_at >= now() order by 2$$,
    $$values ('backfill', 'lead', 3, 'repair'), ('backfill', 'order_confirmation', 1, 'repair')$$, 'each leaves its line');
select is_empty('select * from crm_sync.repair_missing(3)', 'the next run finds nothing: it is safe to repeat');

select * from finish();
rollback;
