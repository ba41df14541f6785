begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;

create table public.measurements (id bytea primary key, taken_at timestamptz, value float8, lasted interval);
select crm_sync.attach('public.measurements', 'order_confirmation', array['taken_at', 'value', 'lasted'], $$'m:' || new.id::text$$);
alter table crm_sync.deliveries add constraint the_ledger_is_broken check (destination <> 'elementor') not valid;
insert into measurements values ('\x00ff', '2026-07-01 12:00:00.5+02', 0.1::float8 + 0.2::float8, '1 day 2 hours');
alter table crm_sync.deliveries drop constraint the_ledger_is_broken;
set local timezone = 'America/New_York';
set local datestyle = 'SQL, DMY';
set local extra_float_digits = -15;
set local intervalstyle = 'sql_standard';
set local bytea_output = 'escape';
select crm_sync.tick();

select results_eq(
    $$select row_id, ordering_key, record from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('\x00ff', 'm:\x00ff',
              '{"id": "\\x00ff", "value": 0.30000000000000004, "lasted": "1 day 02:00:00", "taken_at": "2026-07-01T10:00:00.5+00:00"}'::jsonb)$$,
    'row id, key and record');

select * from finish();
rollback;
