begin;
set local search_path = public, extensions;
select plan(1);

select is_empty(
    $$select oid::regprocedure from pg_proc
      where (pronamespace = 'crm_sync'::regnamespace or pronamespace = 'public'::regnamespace and proname ~ '^crm_sync_')
        and not coalesce(proconfig @> array['search_path=pg_catalog, pg_temp'], false)$$,
    'whoever calls it decides nothing about what its names mean');

select * from finish();
rollback;
