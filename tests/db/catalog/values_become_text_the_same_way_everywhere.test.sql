begin;
set local search_path = public, extensions;
select plan(2);

-- Hand-written and generated ones, for all sample tables; whoever pins one of these settings depends on the text of any value.
create temp table functions as
select oid::regprocedure::text as name, proconfig from pg_proc where pronamespace = 'crm_sync'::regnamespace;
select is_empty(
    $$select name, proconfig from functions
      where proconfig::text ~* 'extra_float_digits|bytea_output|intervalstyle'
        and not proconfig @> array['TimeZone=UTC', 'DateStyle=ISO', 'IntervalStyle=postgres', 'extra_float_digits=1', 'bytea_output=hex']$$,
    'all five settings, or none');
select is_empty(
    $$select kinds.kind from unnest(array['capture', 'recapture', 'record', 'related']) as kinds (kind)
      where not exists (select from functions where functions.name ~ ('^crm_sync\._' || kinds.kind || '__'))
         or exists (
             select from functions
             where functions.name ~ ('^crm_sync\._' || kinds.kind || '__') and not functions.proconfig::text ~ 'extra_float_digits')$$,
    'each function that was generated to read or write rows has them');

select * from finish();
rollback;
