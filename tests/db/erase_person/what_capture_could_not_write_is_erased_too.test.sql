begin;
set local search_path = public, extensions;
select plan(4);

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test'), ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
insert into crm_sync.capture_failures (table_name, operation, row_ids, old_rows, new_rows, sql_state)
select 'public.leads', 'UPDATE', array_agg(id::text order by email), jsonb_agg(to_jsonb(leads) order by email),
       jsonb_agg(to_jsonb(leads) || '{"email": "new@example.test"}' order by email), '55P03' from leads;
delete from crm_sync.deliveries;
delete from leads;
select results_eq(
    $$select table_name, row_id, erased from crm_sync.erase_person(' Ada@Example.test')$$,
    $$values ('public.leads', '10000000-0000-4000-8000-000000000001', false)$$, 'found by what it was before the change');
select crm_sync.erase_person('ada@example.test', p_count_only => false);
select results_eq(
    $$select row_ids, jsonb_array_length(old_rows), new_rows::text ~ '000001' from crm_sync.capture_failures$$,
    $$values (array['10000000-0000-4000-8000-000000000002'], 1, false)$$, 'gone, and the other one is still to be captured');
drop table leads cascade;
select is((select count(*)::int from crm_sync.erase_person('bob@example.test', p_count_only => false)), 1, 'also where the table is gone');
select is((select count(*)::int from crm_sync.capture_failures), 0, 'with all of it');

select * from finish();
rollback;
