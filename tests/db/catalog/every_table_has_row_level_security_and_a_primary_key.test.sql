begin;
set local search_path = public, extensions;
select plan(3);

select is_empty(
    $$select oid::regclass from pg_class where relnamespace = 'crm_sync'::regnamespace and relkind in ('r', 'p') and not relrowsecurity$$,
    'row level security');
select is_empty(
    $$select oid::regclass from pg_class where relnamespace = 'crm_sync'::regnamespace and relkind in ('r', 'p')
        and not exists (select from pg_index where indrelid = pg_class.oid and indisprimary)$$,
    'a primary key');
select is_empty(
    $$select oid::regclass from pg_class where relnamespace = 'crm_sync'::regnamespace and relkind = 'r' and relpersistence <> 'p'$$,
    'and all of it is logged: a crash empties nothing');

select * from finish();
rollback;
