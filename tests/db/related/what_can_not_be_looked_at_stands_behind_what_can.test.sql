begin;
set local search_path = public, extensions;
select plan(3);
update crm_sync.settings set is_running = false;

create table agencies (id int primary key, name text);
create table visits (id int primary key, agency_id int, updated_at timestamptz default now());
select crm_sync.attach('visits', 'lead', '{agency_id}', $$'visit:' || new.id$$);
select crm_sync.attach_related('agencies', 'lead', 'visits', '{name}', $$select visits.id::text from public.visits where visits.agency_id = new.id$$);
insert into crm_sync.related_changes (table_name, row_id, changed_in)
values ('public.agencies', '1', '1'), ('public.agencies', '2', '1'), ('public.customers', '30000000-0000-4000-8000-000000000001', '1');
alter table visits rename column agency_id to agency;
create function pg_temp.seen() returns text[] language sql as
    $$ select array_agg(table_name || ' ' || coalesce(horizon::text, 'unseen') order by related_change_id) from crm_sync.related_changes $$;
select crm_sync._capture_related(p_limit => 2);
select is(pg_temp.seen(), '{public.customers unseen,public.agencies unseen,public.agencies unseen}', 'behind the one that may have its turn');
select crm_sync._capture_related(p_limit => 2);
select is(pg_temp.seen(), '{public.customers 0,public.agencies unseen,public.agencies unseen}', 'which comes next');
alter table visits rename column agency to agency_id;
select crm_sync._capture_related();
select is((select array_agg(horizon::text) from crm_sync.related_changes where table_name like '%agencies'), '{0,0}', 'and is looked at when it can be');

select * from finish();
rollback;
