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

select pg_temp.has_run('failed', '9 seconds'), pg_temp.has_run('failed', '6 seconds'), pg_temp.has_run('running');
select is(pg_temp.red(), '{}', 'after two one that goes on may mend it');
update cron.job_run_details set status = 'failed' where status = 'succeeded';
select is(pg_temp.red(), array['cron_runs error']::text[], 'not after three');
select is((select detail from crm_sync.health(now()) where check_name = 'cron_runs'), 'the last run failed: crm_sync_tick, last 6 s ago', 'in words');
update cron.job_run_details set end_time = now() - interval '61 minutes' where runid = (select min(runid) from cron.job_run_details);
select is(pg_temp.red(), '{}', 'where one that went well may be purged from between them nothing is said');
update cron.job_run_details set end_time = now() - interval '59 minutes' where runid = (select min(runid) from cron.job_run_details);
update cron.job_run_details set status = 'succeeded' where status = 'running';
select is(pg_temp.red(), '{}', 'green when it has gone well');

select * from finish();
rollback;
