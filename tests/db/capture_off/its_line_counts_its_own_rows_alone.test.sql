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

select crm_sync.pause('monelec');
set local crm_sync.capture = 'off';
insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test');
update customers set email = 'new@example.test';
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
select results_eq(
    $$select action, arguments, affected_count from crm_sync.operations where action = 'capture_off'$$,
    $$values ('capture_off', '{"public.leads": 1, "public.customers": 0}'::jsonb, 1)$$, 'what is not captured anyway is none left out');
select is((select affected_count from crm_sync.operations where action = 'pause'), 1, 'another operation''s line stays as it was');

select * from finish();
rollback;
