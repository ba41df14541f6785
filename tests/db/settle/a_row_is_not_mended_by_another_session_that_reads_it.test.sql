begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;

create table public.measurements (id int primary key, taken_at timestamptz, value float8, lasted interval, raw bytea, status text);
select crm_sync.attach('public.measurements', 'order_confirmation', array['taken_at', 'value', 'lasted', 'raw'], $$'m:' || new.id$$,
    p_condition => $$new.status = 'confirmed'$$, p_transition => $$old.status is distinct from 'confirmed'$$);
insert into measurements values (1, '2026-07-01 12:00:00.5+02', 0.1::float8 + 0.2::float8, '1 day 2 hours', '\x00ff', 'confirmed');
update crm_sync.deliveries set status = 'dead', finished_at = now() where captured_at >= now();
set local timezone = 'America/New_York';
set local datestyle = 'SQL, DMY';
set local extra_float_digits = -15;
set local intervalstyle = 'sql_standard';
set local bytea_output = 'escape';

select crm_sync._recapture_mended(array_agg(delivery_id)) from crm_sync.deliveries where captured_at >= now();
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now()), 1, 'in other words the same values');

select * from finish();
rollback;
