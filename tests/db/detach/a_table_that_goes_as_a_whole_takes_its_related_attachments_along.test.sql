begin;
set local search_path = public, extensions;
select plan(2);

select crm_sync.detach('public.requests');
select is_empty($$select table_name from crm_sync.related_attachments$$, 'whatever their route');
select is_empty(
    $$select tgname from pg_trigger where tgrelid = 'public.customers'::regclass and tgname like 'crm_sync%'$$,
    'with their triggers');

select * from finish();
rollback;
