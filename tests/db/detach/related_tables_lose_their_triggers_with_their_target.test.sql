begin;
set local search_path = public, extensions;
select plan(1);

select crm_sync.detach('public.requests', 'request');
select is_empty(
    $$select tgname from pg_trigger where tgrelid = 'public.customers'::regclass and tgname like 'crm_sync%'$$,
    'customers have nothing left to capture');

select * from finish();
rollback;
