begin;
set local search_path = public, extensions;
select plan(4);

create function public._capture__leads() returns int language sql as 'select 1';
create temporary table before on commit drop as
    select oid, obj_description(oid) as comment from pg_proc where pronamespace = 'crm_sync'::regnamespace;
select results_eq(
    'select crm_sync.reattach()',
    array['public.customers', 'public.leads', 'public.orders', 'public.payments', 'public.requests'], 'in their order');
select is_empty(
    $$select before.oid::regprocedure from before where before.comment is distinct from obj_description(before.oid)$$,
    'every function still says what it is for');
select is(
    (select has_function_privilege('anon', 'public._capture__leads()', 'execute')), true, 'one of the same name elsewhere is executed by whom it was');
select is(obj_description('public._capture__leads()'::regprocedure), null, 'and not called generated');

select * from finish();
rollback;
