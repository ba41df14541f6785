begin;
set local search_path = public, extensions;
select plan(2);

select is_empty(
    $$select attrelid::regclass, attname, format_type(atttypid, atttypmod) from pg_attribute join pg_class on pg_class.oid = attrelid
      where relnamespace = 'crm_sync'::regnamespace and relkind = 'r' and attnum > 0 and not attisdropped
        and atttypid in ('timestamp'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'json'::regtype, 'money'::regtype)$$,
    'no timestamp without zone, no varchar, no json');
select is_empty(
    $$select attrelid::regclass, attname from pg_attribute join pg_class on pg_class.oid = attrelid
      where relnamespace = 'crm_sync'::regnamespace and relkind = 'r' and attnum > 0 and not attisdropped
        and atttypid = 'timestamptz'::regtype and attname !~ '(_at|_since|_until|^minute|^horizon)$'$$,
    'every time ends in _at, _since or _until');

select * from finish();
rollback;
