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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
alter table leads rename to contacts;
select results_eq($$select table_name, route from crm_sync.forget('public.leads')$$, $$values ('public.contacts', 'lead')$$, 'it says what it is called now');
select is_empty(
    $$select from pg_trigger where tgrelid = 'contacts'::regclass and tgname like 'crm\_sync%'$$, 'its triggers go');
select from crm_sync.tick();
select results_eq(
    $$select table_name, status from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('public.contacts', 'in_flight')$$, 'and what was captured is sent: its rows are there');

select * from finish();
rollback;
