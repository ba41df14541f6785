begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = false;

insert into crm_sync.related_changes (table_name, row_id, changed_in)
values ('public.customers', '30000000-0000-4000-8000-000000000001', '2'), ('public.customers', '30000000-0000-4000-8000-000000000002', '1'),
       ('public.customers', '30000000-0000-4000-8000-000000000003', '2');
create function pg_temp.seen() returns text[] language sql as
    $$ select array_agg(right(row_id, 1) order by row_id) from crm_sync.related_changes where horizon = '0' $$;
select crm_sync._capture_related(p_for => '0');
select is(pg_temp.seen(), '{1,3}', 'one transaction''s, the oldest, though there is no time');
select crm_sync._capture_related();
select is(pg_temp.seen(), '{2}', 'the other''s is then seen for the first time');

select * from finish();
rollback;
