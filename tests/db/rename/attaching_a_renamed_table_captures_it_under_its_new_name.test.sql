begin;
set local search_path = public, extensions;
select plan(3);

alter table leads rename to contacts;
select crm_sync.attach('public.contacts', 'lead', array['email'], $$'lead:' || new.id$$);
select bag_eq(
    $$select tgname::text, tgfoid::regprocedure::text from pg_trigger where tgrelid = 'contacts'::regclass and tgname like 'crm\_sync%'$$,
    $$values ('crm_sync_capture_insert', 'crm_sync._capture__contacts()'), ('crm_sync_capture_update', 'crm_sync._capture__contacts()')$$,
    'its triggers are its own');
insert into contacts (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
select results_eq(
    $$select table_name, operation from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('public.contacts', 'INSERT')$$, 'what is written is captured, once');
select is_empty(
    $$select from pg_proc where pronamespace = 'crm_sync'::regnamespace and proname ~ '^_(capture|recapture|record)__leads'
      union all select from crm_sync.attachments where table_name = 'public.leads'$$,
    'and nothing is left of the old name');

select * from finish();
rollback;
