begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;
set local timezone = 'America/New_York';
set local datestyle = 'SQL, DMY';
set local extra_float_digits = -15;
set local intervalstyle = 'sql_standard';
set local bytea_output = 'escape';

create table public.meters (id bytea primary key, updated_at timestamptz not null default clock_timestamp(), value float8);
select crm_sync.attach('public.meters', 'lead', array['value'], $$'meter:' || new.id::text$$);
insert into public.meters (id, value) values ('\x00ff', 0.1::float8 + 0.2::float8);
update crm_sync.deliveries set claimed_at = now(), record = '{"id": "\\x00ff", "value": 0.30000000000000004}' where captured_at >= now();

select is_empty($$select * from crm_sync.find_missing('public.meters')$$, 'neither who it is nor what it tells');

select * from finish();
rollback;
