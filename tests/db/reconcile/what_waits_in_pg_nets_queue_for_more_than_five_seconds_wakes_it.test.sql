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

create temp table woken (at timestamptz);
create or replace function crm_sync._wake_pg_net(p_now timestamptz) returns void language sql as $$ insert into pg_temp.woken values (p_now) $$;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
select crm_sync.tick('2040-01-01 00:00:00+00');
select crm_sync.tick('2040-01-01 00:00:06+00');
select isnt((select max(at) from woken), null, 'the tick looks whether it sleeps');
select is((select status from crm_sync.deliveries where captured_at >= now()), 'in_flight', 'the request stays');

select * from finish();
rollback;
