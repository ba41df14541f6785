begin;
set local search_path = public, extensions;
select plan(5);

create table public.visits (id int primary key, label text);
select crm_sync.attach('public.visits', 'lead', array['label'], $$'visit:' || new.id$$);
select results_eq(
    $$select table_name, route, watched from crm_sync.detach('public.visits')$$,
    $$values ('public.visits', 'lead', array['label'])$$, 'it returns what was attached');

select is_empty($$select tgname from pg_trigger where tgrelid = 'public.visits'::regclass$$, 'no trigger is left');
select is_empty($$select route from crm_sync.attachments where table_name = 'public.visits'$$, 'no attachment');
select is_empty(
    $$select proname from pg_proc where pronamespace = 'crm_sync'::regnamespace and proname in ('_capture__visits', '_recapture_visits')$$,
    'no function that captures');
insert into visits values (1, 'a');
select is_empty($$select delivery_id from crm_sync.deliveries where captured_at >= now()$$, 'and nothing is captured');

select * from finish();
rollback;
