begin;
set local search_path = public, extensions;
select plan(5);
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;
select crm_sync.start();
update crm_sync.settings set started_on = '1/1/1';

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
set constraints all immediate;
select is((select status from crm_sync.deliveries where captured_at >= now()), 'pending', 'not at commit');
select crm_sync.tick();
select is((select status from crm_sync.deliveries where captured_at >= now()), 'pending', 'nor by the tick');
select is(crm_sync.row_status('public.leads', '10000000-0000-4000-8000-000000000001'),
          'waiting: this is a copy, which sends nothing', 'and it says why');
select is((select distinct state from crm_sync.route_health), 'a copy', 'of every route');

select crm_sync.start();
select crm_sync.tick();
select is((select status from crm_sync.deliveries where captured_at >= now()), 'in_flight', 'sent, once somebody says that it may');

select * from finish();
rollback;
