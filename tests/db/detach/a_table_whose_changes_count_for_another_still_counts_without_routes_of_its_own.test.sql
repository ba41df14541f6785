begin;
set local search_path = public, extensions;
select plan(1);

insert into customers (id, email) values ('20000000-0000-4000-8000-000000000001', 'ada@before.test');
select crm_sync.attach('public.customers', 'lead', array['email'], $$'customer:' || new.id$$);
select crm_sync.detach('public.customers', 'lead');
update customers set email = 'ada@after.test';
select results_eq(
    $$select table_name, row_id from crm_sync.related_changes$$,
    $$values ('public.customers', '20000000-0000-4000-8000-000000000001')$$, 'a correction of a customer is still noted');

select * from finish();
rollback;
