begin;
set local search_path = public, extensions;
select plan(2);
set local timezone = 'America/New_York';
set local datestyle = 'SQL, DMY';
set local extra_float_digits = -15;
set local intervalstyle = 'sql_standard';
set local bytea_output = 'escape';

create table public.measurements (id int primary key, taken_at timestamptz, value float8, lasted interval, raw bytea);
select crm_sync.attach('public.measurements', 'order_confirmation', array['taken_at', 'value', 'lasted', 'raw'], $$'m:' || new.id$$);
insert into measurements values (1, '2026-07-01 12:00:00.5+02', 0.1::float8 + 0.2::float8, '1 day 2 hours', '\x00ff');

select is(
    (select record::text from crm_sync.deliveries where captured_at >= now()),
    '{"id": 1, "raw": "\\x00ff", "value": 0.30000000000000004, "lasted": "1 day 02:00:00", "taken_at": "2026-07-01T10:00:00.5+00:00"}',
    'times in UTC, numbers in full, intervals in words, bytes as hex');
select is(current_setting('timezone') || current_setting('extra_float_digits'), 'America/New_York-15', 'the session keeps its own');

select * from finish();
rollback;
