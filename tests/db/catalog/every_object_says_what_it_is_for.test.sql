begin;
set local search_path = public, extensions;
select plan(3);

select is_empty(
    $$select oid::regclass from pg_class
      where relnamespace = 'crm_sync'::regnamespace and relkind in ('r', 'p', 'v', 'm') and obj_description(oid, 'pg_class') is null$$,
    'every table and view');
select is_empty(
    $$select oid::regprocedure from pg_proc
      where pronamespace = 'crm_sync'::regnamespace and obj_description(oid, 'pg_proc') is null
        -- Generated ones are described by what generates them.
        and proname !~ '^_(capture|recapture|related)_(customers|leads|orders|payments|requests)$' and proname !~ '^_record(s$|_.*__)'$$,
    'every function');
select is_empty(
    $$select attrelid::regclass, attname from pg_attribute join pg_class on pg_class.oid = attrelid
      where relnamespace = 'crm_sync'::regnamespace and relkind = 'v' and obj_description(attrelid, 'pg_class') is null$$,
    'every view');

select * from finish();
rollback;
