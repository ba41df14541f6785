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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
alter table leads rename to contacts;
insert into contacts (id, email) values ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
select results_eq($$select table_name, route from crm_sync.detach('contacts')$$, $$values ('public.contacts', 'lead')$$, 'what was attached');
select is_empty(
    $$select from pg_trigger where tgrelid = 'contacts'::regclass and tgname like 'crm\_sync%'
      union all select from crm_sync.attachments where route = 'lead'
      union all select from pg_proc where pronamespace = 'crm_sync'::regnamespace and proname ~ '^_(capture|recapture)__(leads|contacts)$'$$,
    'nothing is captured any more');
select from crm_sync.tick();
select results_eq(
    $$select table_name, status, record ->> 'email' from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('public.contacts', 'in_flight', 'ada@example.test')$$, 'what was captured before is still sent');
select results_eq(
    $$select table_name, sql_state from crm_sync.capture_failures$$, $$values ('public.contacts', 'CS038')$$,
    'of what was not, health() asks what shall become');

select * from finish();
rollback;
