begin;
set local search_path = public, extensions;
select plan(2);

select is_empty(
    $$select oid::regprocedure, grantee::regrole from pg_proc
      cross join lateral aclexplode(coalesce(proacl, acldefault('f', proowner))) as granted
      where pronamespace = 'crm_sync'::regnamespace and grantee = 0$$,
    'not PUBLIC');
select is_empty(
    $$select roles.role, oid::regprocedure from pg_proc
      cross join unnest(array['anon', 'authenticated', 'service_role', 'crm_sync_reader']) as roles (role)
      where pronamespace = 'crm_sync'::regnamespace and has_function_privilege(roles.role, oid, 'execute')$$,
    'nor the roles of the data API');

select * from finish();
rollback;
