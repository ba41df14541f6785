begin;
set local search_path = public, extensions;
select plan(4);

select results_eq(
    $$select proname::text collate "default" from pg_proc
      where pronamespace = 'crm_sync'::regnamespace and prosecdef and proname <> '_dispatch_at_commit'
        and not exists (select from aclexplode(proacl) as granted where grantee <> proowner) order by 1$$,
    $$select distinct proname::text collate "default" from pg_trigger
      join pg_proc on pg_proc.oid = tgfoid
      where tgname in ('crm_sync_capture_insert', 'crm_sync_capture_update') order by 1$$,
    'the capture functions, which run inside the application''s statements');
select results_eq(
    $$select tgrelid::regclass::text, tgdeferrable, tginitdeferred from pg_trigger join pg_proc on pg_proc.oid = tgfoid where proname = '_dispatch_at_commit'$$,
    $$values ('crm_sync.deliveries', true, true)$$, 'and the dispatch at commit, deferred');
select is((select prosecdef from pg_proc where oid = 'crm_sync._dispatch_at_commit()'::regprocedure), true, 'which needs rights on vault and net');
select is_empty(
    $$select oid::regprocedure from pg_proc
      cross join lateral aclexplode(proacl) as granted
      where pronamespace = 'crm_sync'::regnamespace and grantee <> proowner and not prosecdef and proname <> 'version'$$,
    'whatever is granted to others runs with the owner''s rights, as theirs reach no table; but for what reads nothing');

select * from finish();
rollback;
