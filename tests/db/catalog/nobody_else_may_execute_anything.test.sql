begin;
set local search_path = public, extensions;
select plan(3);

select is_empty(
    $$select oid::regprocedure, grantee::regrole from pg_proc
      cross join lateral aclexplode(coalesce(proacl, acldefault('f', proowner))) as granted
      where pronamespace = 'crm_sync'::regnamespace and grantee = 0$$,
    'not PUBLIC');
select is_empty(
    $$select roles.role, oid::regprocedure from pg_proc
      cross join unnest(array['anon', 'authenticated', 'service_role']) as roles (role)
      where pronamespace = 'crm_sync'::regnamespace and has_function_privilege(roles.role, oid, 'execute')$$,
    'nor the roles of the data API');
select results_eq(
    $$select proname::text collate "default" from pg_proc
      where pronamespace = 'crm_sync'::regnamespace and has_function_privilege('crm_sync_reader', oid, 'execute') order by 1$$,
    array['_http_log', '_route_health', 'health', 'row_status', 'trace'],
    'a reader what changes nothing');

select * from finish();
rollback;
