begin;
set local search_path = public, extensions;
select plan(4);
create function pg_temp.locked() returns setof text language sql as $$
    select relation::regclass::text from pg_locks
    where pid = pg_backend_pid() and locktype = 'relation' and mode = 'AccessExclusiveLock'
      and relation in (select oid from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r')
    order by 1
$$;

select crm_sync.detach('public.leads', 'request');
select is_empty('select pg_temp.locked()', 'of a route that was never attached');
-- A customer still counts for the payments when they count no more for their requests.
insert into crm_sync.related_attachments (table_name, route, target_table, watched, affected)
values ('public.customers', 'payment_status', 'public.payments', array['email'],
        'select payments.id::text from public.payments join public.requests on requests.id = payments.request_id where requests.customer_id = new.id');
select crm_sync.detach('public.requests', 'request');
select results_eq('select pg_temp.locked()', array['requests'], 'one that keeps a related route');
select crm_sync.detach('public.requests', 'request');
select crm_sync.detach('public.payments', 'payment_intent');
select results_eq('select pg_temp.locked()', array['requests'], 'one that keeps other routes');
select bag_eq($$select tgrelid::regclass::text, tgname::text from pg_trigger where tgname like 'crm\_sync\_%' and tgrelid in ('customers'::regclass, 'requests'::regclass)$$,
    $$values ('customers', 'crm_sync_capture_update')$$, 'and what is left over is right');

select * from finish();
rollback;
