begin;
set local search_path = public, extensions;
select plan(1);

select throws_ok(
    $$select crm_sync.attach_related('public.customers', 'request', 'public.requests', array['email'],
                                     'select requests.id::text from public.requests where requests.customer = new.id')$$,
    'CS004', 'public.customers can not be attached: column requests.customer does not exist', 'not at the first correction of a customer');

select * from finish();
rollback;
