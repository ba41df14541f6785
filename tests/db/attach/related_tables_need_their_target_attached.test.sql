begin;
set local search_path = public, extensions;
select plan(2);

select throws_ok(
    $$select crm_sync.attach_related('public.customers', 'lead', 'public.requests', array['email'], 'select 1')$$,
    'CS003', 'route "lead" is not attached to public.requests', 'CS003 otherwise');
select throws_ok(
    $$select crm_sync.attach_related('public.customers', 'request', 'public.requests', array['mail'], 'select 1')$$,
    'CS004', 'public.customers has no column mail', 'and columns that exist');

select * from finish();
rollback;
