begin;
set local search_path = public, extensions;
select plan(2);

select results_eq(
    $$select tgname::text collate "default" from pg_trigger where tgrelid = 'public.customers'::regclass and tgname like 'crm_sync%'$$,
    array['crm_sync_capture_update'], 'a new customer has no requests yet');
select crm_sync.detach(tables.name::regclass)
from (select distinct table_name as name from crm_sync.attachments) as tables;
create table public.visits (id int primary key, label text);
select crm_sync.attach('visits', 'lead', array['label'], $$'visit:' || new.id$$);
insert into visits values (1, 'a');
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now()), 1, 'the only table of routes is');

select * from finish();
rollback;
