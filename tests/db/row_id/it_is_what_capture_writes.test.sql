begin;
set local search_path = public, extensions;
select plan(1);
set local timezone = 'America/New_York';
set local datestyle = 'SQL, DMY';
set local extra_float_digits = -15;
set local intervalstyle = 'sql_standard';
set local bytea_output = 'escape';

create domain public.short_code as varchar(3);
create table public.parcels (id bytea, weighed_at timestamptz, weight float8, note text, primary key (id, weighed_at, weight));
create table public.days (day date primary key, note text);
create table public.prices (price numeric(10, 2) primary key, note text);
create table public.spans (span interval primary key, note text);
create table public."Odd ""names""" ("the ""id""" public.short_code primary key, note text);
insert into public.parcels values ('\x00ff', '2026-07-01 12:00:00+02', 0.1::float8 + 0.2::float8);
insert into public.days values (date '2026-07-01');
insert into public.prices values (1.5);
insert into public.spans values ('1 day 2 hours');
insert into public."Odd ""names""" values ('a"b');
select crm_sync.attach('public.parcels', 'lead', array['note'], $$'1'$$);
select crm_sync.attach('public.days', 'lead', array['note'], $$'1'$$);
select crm_sync.attach('public.prices', 'lead', array['note'], $$'1'$$);
select crm_sync.attach('public.spans', 'lead', array['note'], $$'1'$$);
select crm_sync.attach('public."Odd ""names"""', 'lead', array['note'], $$'1'$$);

create temp table given (table_name text, row_id text, spelled text);
insert into given values
    ('public.parcels', '["\\x00FF","2026-07-01 10:00Z", "0.30000000000000004"]', '["\\x00ff", "2026-07-01T10:00:00+00:00", 0.30000000000000004]'),
    ('public.days', '20260701', '2026-07-01'),
    ('public.prices', '1.5', '1.50'),
    ('public.spans', '26 hours', '26:00:00'),
    ('public.spans', 'P1DT2H', '1 day 02:00:00'),
    ('public."Odd ""names"""', 'a"b', 'a"b');
-- Before the ledger knows them, so that it is not asked.
create temp table answered as select given.*, crm_sync._row_id(given.table_name, given.row_id) as answer from given;
update public.parcels set note = 'x';
update public.days set note = 'x';
update public.prices set note = 'x';
update public.spans set note = 'x';
update public."Odd ""names""" set note = 'x';

select results_eq(
    $$select answered.table_name, answered.answer, deliveries.row_id is not null
      from answered
      left join crm_sync.deliveries on deliveries.table_name = answered.table_name and deliveries.row_id = answered.answer
      order by 1, 2$$,
    $$select table_name, spelled, spelled <> '26:00:00' from given order by 1, 2$$,
    'whatever the session''s settings');

select * from finish();
rollback;
