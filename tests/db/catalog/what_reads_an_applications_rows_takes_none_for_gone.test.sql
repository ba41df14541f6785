begin;
set local search_path = public, extensions;
select plan(1);

select is_empty(
    $$select procedures.oid::regprocedure
      from pg_proc as procedures
      where procedures.pronamespace = 'crm_sync'::regnamespace
        and (procedures.proname ~ '^_(record|related)__' or procedures.proname in ('_rows', '_read_waiting', '_count_undecided', 'find_missing'))
        and not procedures.proconfig @> array['row_security=off']$$,
    'since a policy hides it');

select * from finish();
rollback;
