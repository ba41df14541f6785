begin;
set local search_path = public, extensions;
select plan(1);

select is_empty(
    $$select conrelid::regclass, conname from pg_constraint
      where contype = 'f' and connamespace in ('crm_sync'::regnamespace)
        and not exists (select from pg_index where indrelid = conrelid and (indkey::int2[])[0:cardinality(conkey) - 1] @> conkey)$$,
    'on the side that refers');

select * from finish();
rollback;
