begin;
set local search_path = public, extensions;
select plan(4);

alter table customers rename to people;
select from crm_sync.reattach();
select results_eq(
    $$select table_name, route, target_table from crm_sync.related_attachments$$,
    $$values ('public.people', 'request', 'public.requests')$$, 'the one whose changes count');
alter table requests rename to inquiries;
select from crm_sync.reattach();
select results_eq(
    $$select table_name, route, target_table from crm_sync.related_attachments$$,
    $$values ('public.people', 'request', 'public.inquiries')$$, 'the one for which they count');
select results_eq(
    $$select table_name, route from crm_sync.attachments where route = 'request'$$, $$values ('public.inquiries', 'request')$$, 'once');
select crm_sync.attach_related('public.people', 'request', 'public.inquiries', '{email}',
    'select inquiries.id::text from public.inquiries where inquiries.customer_id = new.id');
insert into people (id, email) values ('20000000-0000-4000-8000-000000000001', 'ada@before.test');
update people set email = 'ada@after.test';
select results_eq(
    $$select table_name, row_id from crm_sync.related_changes$$,
    $$values ('public.people', '20000000-0000-4000-8000-000000000001')$$, 'a correction is noted');

select * from finish();
rollback;
