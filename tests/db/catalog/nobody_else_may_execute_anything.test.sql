begin;
set local search_path = public, extensions;
select plan(5);

select is_empty(
    $$select oid::regprocedure, grantee::regrole from pg_proc
      cross join lateral aclexplode(coalesce(proacl, acldefault('f', proowner))) as granted
      where pronamespace = 'crm_sync'::regnamespace and grantee = 0$$,
    'not PUBLIC');
select is_empty(
    $$select roles.role, oid::regprocedure from pg_proc
      cross join unnest(array['anon', 'authenticated', 'service_role']) as roles (role)
      where pronamespace = 'crm_sync'::regnamespace and has_function_privilege(roles.role, oid, 'execute')
        and not (roles.role <> 'anon' and proname in ('dashboard_deliveries', 'dashboard_health', 'dashboard_redeliver', 'dashboard_row_status'))$$,
    'nor the roles of the data API, but for what the dashboard asks');
select is_empty(
    $$select oid::regprocedure from pg_proc
      where pronamespace = 'crm_sync'::regnamespace and proname ~ '^dashboard_' and prosrc !~ '^\s*(#.*\s*)?(declare[^;]*;\s*)?begin\s*perform crm_sync._require_administrator\(\);'$$,
    'which first looks who it is');
select results_eq(
    $$select proname::text collate "default", prosecdef from pg_proc
      where pronamespace = 'public'::regnamespace and proname ~ '^crm_sync' and not has_function_privilege('anon', oid, 'execute') order by 1$$,
    $$values ('crm_sync_deliveries', false), ('crm_sync_health', false), ('crm_sync_redeliver', false), ('crm_sync_row_status', false)$$,
    'and in public nothing runs with more rights, or for anon');
select results_eq(
    $$select proname::text collate "default" from pg_proc
      where pronamespace = 'crm_sync'::regnamespace and has_function_privilege('crm_sync_reader', oid, 'execute') order by 1$$,
    array['_http_log', '_route_health', '_row_id', 'health', 'row_status', 'trace', 'version'],
    'a reader what changes nothing');

select * from finish();
rollback;
