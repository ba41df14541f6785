begin;
set local search_path = public, extensions;
select plan(3);
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
create function pg_temp.said() returns text language sql as
    $$ select level || ' ' || detail from crm_sync.health(now()) where check_name = 'tick' $$;

update cron.job_run_details set start_time = now() - interval '3 minutes';
select pg_temp.has_run('failed', '9 seconds'), pg_temp.has_run('failed', '6 seconds'), pg_temp.has_run('running', '2 seconds');
select is(pg_temp.said(), 'ok last tick 2 s ago', 'after two it is one');
select pg_temp.has_run('failed', '1 second'), pg_temp.has_run('running');
update cron.job_run_details set status = 'failed' where status = 'running' and start_time < now();
select is(pg_temp.said(), 'error last tick 3 min ago', 'after three it may be ended, too');
update cron.job_run_details set status = 'succeeded' where status = 'running';
select is(pg_temp.said(), 'ok last tick 0 s ago', 'unless it has gone well');

select * from finish();
rollback;
