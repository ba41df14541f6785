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

insert into orders (id, status, order_number) values ('50000000-0000-4000-8000-000000000001', 'confirmed', 'A-1');
drop table orders;
select from crm_sync.tick();
select results_eq(
    $$select status, record ->> 'order_number' from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('in_flight', 'A-1')$$, 'all that it tells was captured with it');

select * from finish();
rollback;
