begin;
set local search_path = public, extensions;
select plan(1);

select is_empty(
    $$select attrelid::regclass, attname, format_type(atttypid, atttypmod) from pg_attribute join pg_class on pg_class.oid = attrelid
      where relnamespace = 'crm_sync'::regnamespace and relkind = 'r' and attnum > 0 and not attisdropped
        and (atttypid in ('timestamp'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'json'::regtype, 'money'::regtype)
             or (attname like '%\_at') is distinct from (atttypid = 'timestamptz'::regtype)
                and attname <> all (array['lease_until', 'treats_409_as_delivered', 'dispatch_at_commit']))$$,
    'and every column that ends in _at is a timestamptz');

select * from finish();
rollback;
