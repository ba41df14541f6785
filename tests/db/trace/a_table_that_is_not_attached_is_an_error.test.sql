begin;
set local search_path = public, extensions;
select plan(2);
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

create table strangers (id int primary key);
prepare asked as select * from crm_sync.trace('strangers', '1');
select throws_ok('asked', 'CS023', 'nothing is captured from public.strangers', 'named');
select is_empty($$select * from crm_sync.trace('leads', '10000000-0000-4000-8000-00000000000f')$$, 'an unknown row has no history');

select * from finish();
rollback;
