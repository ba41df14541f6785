begin;
set local search_path = public, extensions;
select plan(4);

create function public._capture__leads() returns int language sql as 'select 1';
select results_eq(
    'select crm_sync.reattach()',
    $$select table_name from crm_sync.attachments union select table_name from crm_sync.related_attachments order by 1$$, 'in their order');
select is_empty(
    $$select oid::regprocedure from pg_proc
      where pronamespace = 'crm_sync'::regnamespace and obj_description(oid) like 'Generated%'
        and proname <> '_records' and proname !~ '^_[a-z]+__'$$,
    'only what is generated says so');
select is(
    (select has_function_privilege('anon', 'public._capture__leads()', 'execute')), true, 'one of the same name elsewhere is executed by whom it was');
select is(obj_description('public._capture__leads()'::regprocedure), null, 'and not called generated');

select * from finish();
rollback;
