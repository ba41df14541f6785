begin;
set local search_path = public, extensions;
select plan(3);
update crm_sync.settings set is_running = false;

insert into crm_sync.related_changes (table_name, row_id, changed_in, horizon)
select 'public.customers', '30000000-0000-4000-8000-00000000000' || n, case n when 4 then '4' else '1' end::xid8, case n when 1 then '18446744073709551615' end::xid8
from generate_series(1, 4) as n;
create function pg_temp.seen() returns text[] language sql as
    $$ select array_agg(right(row_id, 1) order by row_id) from crm_sync.related_changes where horizon = '0' $$;
select crm_sync._capture_related(p_limit => 2);
select is(pg_temp.seen(), '{2,3}', 'as many as may, the one that waits not counted');
-- It may be looked at for the last time, and comes first.
update crm_sync.related_changes set horizon = '3' where row_id like '%1';
select crm_sync._capture_related(p_limit => 1);
select results_eq(
    'select right(row_id, 1), horizon from crm_sync.related_changes order by 1',
    $$values ('2', '0'::xid8), ('3', '0'), ('4', null)$$, 'the oldest of what may be looked at');
select is(pg_get_function_arguments('crm_sync._capture_related'::regproc), 'p_limit integer DEFAULT 1000, p_for interval DEFAULT ''00:00:00.5''::interval', 'a thousand, for half a second');

select * from finish();
rollback;
