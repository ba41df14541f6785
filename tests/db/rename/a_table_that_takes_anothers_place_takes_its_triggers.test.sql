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

create table visits (id int primary key, label text);
select crm_sync.attach('visits', 'lead', array['label'], $$'visit:' || new.id$$);
create table visits_new (like visits including all);
alter table visits rename to visits_old;
alter table visits_new rename to visits;
select from crm_sync.reattach();
select bag_eq(
    $$select tgrelid::regclass::text, tgname::text from pg_trigger where tgfoid = 'crm_sync._capture__visits()'::regprocedure$$,
    $$values ('visits', 'crm_sync_capture_insert'), ('visits', 'crm_sync_capture_update')$$, 'it has the triggers now');
insert into visits values (1, 'one');
insert into visits_old values (2, 'two');
select results_eq(
    $$select table_name, row_id from crm_sync.deliveries where captured_at >= now()$$, $$values ('public.visits', '1')$$,
    'what is written to it is captured');
select is_empty($$select from crm_sync.capture_failures$$, 'and what is written to the old one is nobody''s');
select is_empty($$select from crm_sync.attachments where table_name = 'public.visits_old'$$, 'it was never attached');

select * from finish();
rollback;
