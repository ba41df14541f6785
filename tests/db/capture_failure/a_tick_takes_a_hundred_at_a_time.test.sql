begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = false;
insert into crm_sync.capture_failures (table_name, operation, row_ids, old_rows, new_rows, sql_state)
select 'public.leads', 'INSERT', array[id::text], '[]', jsonb_build_array(jsonb_build_object('id', id, 'email', 'ada@example.test')), 'XX000'
from (select ('10000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid as id from generate_series(1, 101) as n) as ids;
select is((select affected from crm_sync.tick() where step = 'capture_missed'), 100, 'oldest first');
select is((select affected from crm_sync.tick() where step = 'capture_missed'), 1, 'and the rest by the next');

select * from finish();
rollback;
