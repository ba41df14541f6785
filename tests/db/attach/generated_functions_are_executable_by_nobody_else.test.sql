begin;
set local search_path = public, extensions;
select plan(1);

create table public.visits (id int primary key, label text);
select crm_sync.attach('public.visits', 'lead', array['label'], $$'visit:' || new.id$$);

select results_eq(
    $$select proname::text collate "default", prosecdef, proconfig @> array['search_path=pg_catalog, pg_temp'],
             has_function_privilege('anon', oid, 'execute') or has_function_privilege('authenticated', oid, 'execute')
      from pg_proc where pronamespace = 'crm_sync'::regnamespace and proname like '%visits%' order by 1$$,
    $$values ('_capture__visits', true, true, false), ('_recapture__visits', false, true, false),
             ('_record__visits__lead', false, true, false)$$,
    'capture alone is a definer''s, and each pins its search_path');

select * from finish();
rollback;
