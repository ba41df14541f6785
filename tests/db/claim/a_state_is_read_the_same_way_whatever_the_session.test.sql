begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;
set local timezone = 'America/New_York';
set local datestyle = 'SQL, DMY';
set local extra_float_digits = -15;
set local intervalstyle = 'sql_standard';
set local bytea_output = 'escape';

create table public.measurements (id bytea primary key, taken_at timestamptz, value float8, lasted interval);
select crm_sync.attach('public.measurements', 'lead', array['taken_at', 'value', 'lasted'], $$'m:' || new.id::text$$);
insert into measurements values ('\x00ff', '2026-07-01 12:00:00.5+02', 0.1::float8 + 0.2::float8, '1 day 2 hours');
set constraints all immediate;

select results_eq(
    $$select status, ordering_key, record from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('in_flight', 'm:\x00ff',
              '{"id": "\\x00ff", "value": 0.30000000000000004, "lasted": "1 day 02:00:00", "taken_at": "2026-07-01T10:00:00.5+00:00"}'::jsonb)$$,
    'under the key that was captured');

select * from finish();
rollback;
