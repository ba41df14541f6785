begin;
set local search_path = public, extensions;
select plan(3);

select results_eq(
    $$select proname::text collate "default" from pg_proc
      where pronamespace = 'crm_sync'::regnamespace and prosecdef and proname <> '_dispatch_at_commit' order by 1$$,
    $$select distinct proname::text collate "default" from pg_trigger
      join pg_proc on pg_proc.oid = tgfoid
      where tgname in ('crm_sync_capture_insert', 'crm_sync_capture_update') order by 1$$,
    'the capture functions');
select results_eq(
    $$select tgrelid::regclass::text, tgdeferrable, tginitdeferred from pg_trigger join pg_proc on pg_proc.oid = tgfoid where proname = '_dispatch_at_commit'$$,
    $$values ('crm_sync.deliveries', true, true)$$, 'and the dispatch at commit, deferred');
select is((select prosecdef from pg_proc where oid = 'crm_sync._dispatch_at_commit()'::regprocedure), true, 'which needs rights on vault and net');

select * from finish();
rollback;
