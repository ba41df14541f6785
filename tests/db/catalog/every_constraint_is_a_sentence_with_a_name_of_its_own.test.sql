begin;
set local search_path = public, extensions;
select plan(1);

select is_empty(
    $$select conrelid::regclass, conname from pg_constraint
      where connamespace = 'crm_sync'::regnamespace and contype = 'c' and (conname ~ '_check[0-9]*$' or conname !~ '^[a-z0-9]+(_[a-z0-9]+)+$')$$,
    'no name was left to Postgres');

select * from finish();
rollback;
