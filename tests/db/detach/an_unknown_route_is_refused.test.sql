begin;
set local search_path = public, extensions;
select plan(2);

select throws_ok($$select crm_sync.detach('public.customers', 'requests')$$, 'CS002', 'crm-sync knows no route "requests"', 'CS002 names it, as attach() does');
select results_eq(
    $$select route from crm_sync.related_attachments where table_name = 'public.customers'$$, array['request'], 'and nothing is detached');

select * from finish();
rollback;
