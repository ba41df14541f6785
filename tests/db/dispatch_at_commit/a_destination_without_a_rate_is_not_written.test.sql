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


create temporary table before on commit drop as select destination, ctid as place from crm_sync.destinations;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
set constraints all immediate;
select is((select status from crm_sync.deliveries where captured_at >= now()), 'in_flight', 'it leaves');
select results_eq(
    $$select destination, ctid from crm_sync.destinations order by destination$$,
    $$select destination, place from before order by destination$$,
    'and two commits do not wait for each other at the row of their destination');

select * from finish();
rollback;
