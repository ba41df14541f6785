begin;
set local search_path = public, extensions;
select plan(4);

select is_empty(
    $$select oid::regclass, privileges.privilege, roles.role from pg_class
      cross join unnest(array['anon', 'authenticated', 'service_role']) as roles (role)
      cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) as privileges (privilege)
      where relnamespace = 'crm_sync'::regnamespace and relkind in ('r', 'p', 'v', 'm')
        and has_table_privilege(roles.role, oid, privileges.privilege)$$,
    'no table or view');
select is_empty(
    $$select attrelid::regclass, attname, role from pg_attribute
      join pg_class on pg_class.oid = attrelid
      cross join unnest(array['anon', 'authenticated', 'service_role']) as roles (role)
      where relnamespace = 'crm_sync'::regnamespace and relkind in ('r', 'p', 'v', 'm') and attnum > 0 and not attisdropped
        and has_column_privilege(role, attrelid, attnum, 'select')$$,
    'no column');
select is_empty(
    $$select oid::regclass from pg_class
      cross join unnest(array['anon', 'authenticated', 'service_role']) as roles (role)
      where relnamespace = 'crm_sync'::regnamespace and relkind = 'S' and has_sequence_privilege(role, oid, 'usage, select, update')$$,
    'no sequence');
select ok(not has_schema_privilege('anon', 'crm_sync', 'usage'), 'anon may not even look into the schema');

select * from finish();
rollback;
