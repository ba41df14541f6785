begin;
set local search_path = public, extensions;
select plan(5);
-- A system at work: started, ticking, pg_net's worker there, every check green.
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;
set local application_name = 'pg_net 0.20.4 worker';
select crm_sync.start();
create function pg_temp.has_run(p_status text, p_ago interval default '0') returns void language sql as $$
    insert into cron.job_run_details (runid, jobid, username, command, status, start_time, end_time)
    select (select coalesce(max(runid), 0) + 1 from cron.job_run_details), jobid, current_user, command, p_status, now() - p_ago, now() - p_ago
    from cron.job where jobname = 'crm_sync_tick'
$$;
select pg_temp.has_run('succeeded');
create function pg_temp.red() returns text[] language sql as
    $$ select coalesce(array_agg(check_name || ' ' || level order by check_name), '{}') from crm_sync.health() where level <> 'ok' $$;

-- Thirty days of a lead every hour of the day, none at night.
create function pg_temp.leads_until(p_end timestamptz) returns void language sql as $$
    insert into crm_sync.deliveries (route, destination, table_name, row_id, operation, ordering_key, status, finished_at, captured_at)
    select 'lead', 'monelec', 'public.leads', hours::text, 'INSERT', 'lead:' || hours, 'delivered', hours, hours
    from generate_series(p_end - interval '30 days', p_end, '1 hour') as hours
    where extract(hour from hours at time zone 'UTC') between 8 and 20
$$;
select pg_temp.leads_until('2039-06-15 20:00:00+00');

select is((select is_silent from crm_sync._route_gaps('2039-06-16 07:59:00+00') where route = 'lead'), false, 'a night is nothing unusual');
select is((select is_silent from crm_sync._route_gaps('2039-06-16 20:01:00+00') where route = 'lead'), true, 'a day is');
select is((crm_sync._check_silence('2039-06-16 22:00:00+00')).detail, 'lead: last change 26 h ago, usually one every 111 min', 'in words');
update crm_sync.settings set silence_factor = 100;
select is((select is_silent from crm_sync._route_gaps('2039-06-16 22:00:00+00') where route = 'lead'), false, 'as the settings have it');
delete from crm_sync.deliveries where captured_at < '2039-06-15 14:00:00+00';
select is((select is_silent from crm_sync._route_gaps('2039-07-16 22:00:00+00') where route = 'lead'), null, 'of six changes nothing can be said');

select * from finish();
rollback;
