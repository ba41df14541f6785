begin;
set local search_path = public, extensions;
select plan(4);
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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
update crm_sync.deliveries set next_attempt_at = now() - interval '6 minutes';
select is(pg_temp.red(), array['backlog error']::text[], 'that check alone');
select is((select detail from crm_sync.health(now()) where check_name = 'backlog'), 'monelec: due for 6 min', 'in words');
select crm_sync._lock_keys('monelec', array['lead:1']);
create temporary table holders (pid int, state text, xact_start timestamptz, query text);
do $$
begin
    execute 'insert into holders ' || (
        select substring(mend from 'hold keys\? (select .*);') from crm_sync.health() where check_name = 'backlog');
end
$$;
select results_eq('select pid from holders', 'select pg_backend_pid()', 'its mend finds who holds keys');
update crm_sync.deliveries set next_attempt_at = now() - interval '4 minutes';
select is(pg_temp.red(), '{}', 'green when it is mended');

select * from finish();
rollback;
