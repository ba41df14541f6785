begin;
set local search_path = public, extensions;
select plan(3);

insert into crm_sync.capture_failures (table_name, operation, row_ids, old_rows, new_rows, sql_state)
select 'public.leads', 'INSERT', array_agg(rows.id order by rows.id), '[]',
       jsonb_agg(jsonb_build_object('id', rows.id, 'email', rows.email) order by rows.id), '55P03'
from (values ('1', 'ada@example.test'), ('2', 'bob@example.test'), ('3', 'ada@example.test')) as rows (id, email);
insert into crm_sync.capture_failures (table_name, operation, row_ids, old_rows, new_rows, sql_state)
values ('public.orders', 'INSERT', array['1'], '[]', '[{"id": "1"}]', '55P03');
insert into crm_sync.related_changes (table_name, row_id) values ('public.leads', '3'), ('public.leads', '2'), ('public.orders', '1');
select crm_sync.erase_person('ada@example.test', p_count_only => false);

select results_eq(
    $$select row_ids, new_rows from crm_sync.capture_failures where table_name = 'public.leads'$$,
    $$values (array['2'], '[{"id": "2", "email": "bob@example.test"}]'::jsonb)$$, 'the first and the third');
select is((select row_ids from crm_sync.capture_failures where table_name = 'public.orders'), array['1'], 'a row of another table is none of theirs');
select results_eq(
    'select table_name, row_id from crm_sync.related_changes order by 1',
    $$values ('public.leads', '2'), ('public.orders', '1')$$, 'nor is it among the corrections that wait');

select * from finish();
rollback;
