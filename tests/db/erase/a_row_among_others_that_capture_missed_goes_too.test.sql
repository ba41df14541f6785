begin;
set local search_path = public, extensions;
select plan(1);

insert into crm_sync.capture_failures (table_name, operation, row_ids, old_rows, new_rows, sql_state)
values ('public.leads', 'UPDATE', array['10000000-0000-4000-8000-000000000001', '10000000-0000-4000-8000-000000000002'],
        '[{"id": "10000000-0000-4000-8000-000000000001", "email": "ada@example.test"}, {"id": "10000000-0000-4000-8000-000000000002", "email": "bob@example.test"}]',
        '[{"id": "10000000-0000-4000-8000-000000000001", "email": "ada@example.test"}, {"id": "10000000-0000-4000-8000-000000000002", "email": "bob@example.test"}]', '42703');
select crm_sync.erase('leads', '10000000-0000-4000-8000-000000000001');

select is_empty(
    $$select * from crm_sync.capture_failures where old_rows::text || new_rows::text like '%ada@example.test%'$$, 'one statement changed both');

select * from finish();
rollback;
