begin;
set local search_path = public, extensions;
select plan(2);

insert into crm_sync.capture_failures (table_name, operation, row_ids, old_rows, new_rows, sql_state)
select 'public.leads', 'INSERT', array[id], '[]', jsonb_build_array(jsonb_build_object('id', id, 'email', 'ada@example.test')), '42703'
from unnest(array['10000000-0000-4000-8000-000000000001', '10000000-0000-4000-8000-000000000002']) as id;
insert into crm_sync.related_changes (table_name, row_id)
values ('public.leads', '10000000-0000-4000-8000-000000000001'), ('public.customers', '10000000-0000-4000-8000-000000000001');
select crm_sync.erase('leads', '10000000-0000-4000-8000-000000000001');

select is(
    (select array_agg(row_ids[1]) from crm_sync.capture_failures where failed_at >= now()), array['10000000-0000-4000-8000-000000000002'], 'its own alone');
select is((select array_agg(table_name) from crm_sync.related_changes where changed_at >= now()), array['public.customers'], 'and what was noted of it');

select * from finish();
rollback;
