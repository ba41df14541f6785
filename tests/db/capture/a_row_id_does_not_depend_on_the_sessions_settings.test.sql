begin;
set local search_path = public, extensions;
select plan(1);
set local timezone = 'America/New_York';
set local datestyle = 'SQL, DMY';
set local extra_float_digits = -15;
set local intervalstyle = 'sql_standard';
set local bytea_output = 'escape';

create table public.parcels (id bytea, weighed_at timestamptz, weight float8, note text, primary key (id, weighed_at, weight));
create table public.letters (id bytea primary key, note text);
create table public.days (day date primary key, note text);
select crm_sync.attach('public.parcels', 'lead', array['note'], $$'parcel:' || new.id::text$$);
select crm_sync.attach('public.letters', 'lead', array['note'], $$'letter:' || new.id::text$$);
select crm_sync.attach('public.days', 'lead', array['note'], $$'day:' || new.day$$);
insert into public.parcels values ('\x00ff', '2026-07-01 12:00:00+02', 0.1::float8 + 0.2::float8, 'fragile');
insert into public.letters values ('\x00ff', 'urgent');
insert into public.days values (date '2026-07-01', 'sunny');

select results_eq(
    $$select row_id, ordering_key from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('["\\x00ff", "2026-07-01T10:00:00+00:00", 0.30000000000000004]', 'parcel:\x00ff'), ('\x00ff', 'letter:\x00ff'),
             ('2026-07-01', 'day:2026-07-01')$$,
    'nor does its key');

select * from finish();
rollback;
