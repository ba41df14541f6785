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

insert into leads (email) select 'ada@example.test' from generate_series(1, 100);
insert into orders (status) select 'confirmed' from generate_series(1, 101);
delete from crm_sync.deliveries where captured_at >= now();
select results_eq(
    'select route, missing_count, repaired_count from crm_sync.repair_missing() order by route',
    $$values ('lead', 100, 100), ('order_confirmation', 101, 0)$$, 'as start() schedules it');

select * from finish();
rollback;
