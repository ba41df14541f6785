begin;
set local search_path = public, extensions;
select plan(1);
create table public.members (id bytea primary key, email text, joined_at timestamptz);
select crm_sync.attach('public.members', 'order_confirmation', array['joined_at'], $$'member:' || new.id::text$$);
insert into public.members values ('\x00ff', 'ada@example.test', '2026-07-01 12:00:00+02');
set local timezone = 'America/New_York';
set local datestyle = 'SQL, DMY';
set local extra_float_digits = -15;
set local intervalstyle = 'sql_standard';
set local bytea_output = 'escape';

select results_eq(
    $$select kind, row_id, data ->> 'joined_at' from crm_sync.export_person('ada@example.test')$$,
    $$values ('row', '\x00ff', '2026-07-01T10:00:00+00:00'), ('delivery', '\x00ff', '2026-07-01T10:00:00+00:00')$$,
    'with its deliveries, though none of them names the person');

select * from finish();
rollback;
