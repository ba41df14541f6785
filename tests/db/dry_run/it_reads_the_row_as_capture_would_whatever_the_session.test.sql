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

create table public.measurements (id int primary key, taken_at timestamptz, value float8, lasted interval, raw bytea);
select crm_sync.attach('public.measurements', 'order_confirmation', array['taken_at', 'value', 'lasted', 'raw'], $$'m:' || new.id$$);
insert into measurements values (1, '2026-07-01 12:00:00.5+02', 0.1::float8 + 0.2::float8, '1 day 2 hours', '\x00ff');
set local timezone = 'America/New_York';
set local datestyle = 'SQL, DMY';
set local extra_float_digits = -15;
set local intervalstyle = 'sql_standard';
set local bytea_output = 'escape';

select crm_sync.dry_run('public.measurements', '1');
select is(
    (select convert_from(body, 'UTF8')::jsonb #> '{deliveries,0,record}' from net.http_request_queue order by id desc limit 1),
    (select record from crm_sync.deliveries where captured_at >= now()),
    'as its event was captured');

select * from finish();
rollback;
