begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;

create table public.meters (
    id bytea primary key, created_at timestamptz not null, updated_at timestamptz not null default clock_timestamp(), status text
);
select crm_sync.attach('public.meters', 'order_confirmation', array['status'], $$'meter:' || new.id::text$$,
    p_condition => $$new.status = 'read'$$, p_transition => $$old.status is distinct from 'read'$$);
insert into public.meters (id, created_at, status) values ('\x00ff', clock_timestamp() - interval '3 days', 'read');
update crm_sync.attachments set attached_at = clock_timestamp() - interval '1 day' where table_name = 'public.meters';
set local timezone = 'America/New_York';
set local datestyle = 'SQL, DMY';
set local extra_float_digits = -15;
set local intervalstyle = 'sql_standard';
set local bytea_output = 'escape';

select is(
    (select crm_sync._count_undecided(attachments, clock_timestamp() - interval '1 hour') from crm_sync.attachments where table_name = 'public.meters'),
    0::bigint, 'it has a delivery');

select * from finish();
rollback;
