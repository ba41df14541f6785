begin;
set local search_path = public, extensions;
select plan(1);

select crm_sync.attach('public.requests', 'lead', array['city'], $$'request:' || new.id$$);
select crm_sync.detach('public.requests', 'lead');
select results_eq(
    $$select table_name, route from crm_sync.related_attachments$$,
    $$values ('public.customers', 'request')$$, 'customers still count for the route that stays');

select * from finish();
rollback;
