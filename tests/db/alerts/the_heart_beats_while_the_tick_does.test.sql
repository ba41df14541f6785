begin;
set local search_path = public, extensions;
select plan(9);
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;
create function pg_temp.beats() returns int language sql as $$
    select count(*)::int from net.http_request_queue where convert_from(body, 'UTF8')::jsonb = '{"version": 1, "notice": {"heartbeat": true}}'
$$;
create function pg_temp.ticked(p_at timestamptz) returns void language sql as $$
    insert into cron.job_run_details (runid, jobid, username, command, status, start_time, end_time)
    select (select coalesce(max(runid), 0) + 1 from cron.job_run_details), jobid, current_user, command, 'succeeded', p_at, p_at
    from cron.job where jobname = 'crm_sync_tick'
$$;
select crm_sync.start();
update crm_sync.settings set heartbeat_every = null;
select pg_temp.ticked(now());
select crm_sync.alert(now());
select is(pg_temp.beats(), 0, 'not where nobody wants it');
update crm_sync.settings set heartbeat_every = '5 minutes';
select crm_sync.alert(now() + '1 second');
select is(pg_temp.beats(), 1, 'at once');
select pg_temp.ticked(now() + '4 minutes');
select crm_sync.alert(now() + '4 minutes');
select is(pg_temp.beats(), 1, 'then every five minutes');
select pg_temp.ticked(now() + '5 minutes');
select crm_sync.alert(now() + '5 minutes');
select is(pg_temp.beats(), 2, 'though this minute began a second sooner');
select crm_sync.alert(now() + '10 minutes');
select is(pg_temp.beats(), 2, 'not while no tick comes');
insert into cron.job_run_details (runid, jobid, username, command, status, start_time, end_time)
select (select max(runid) + 1 from cron.job_run_details), jobid, current_user, command, 'failed', now() + '11 minutes', now() + '11 minutes' from cron.job where jobname = 'crm_sync_tick';
select crm_sync.alert(now() + '11 minutes');
select is(pg_temp.beats(), 2, 'nor while each fails');
select pg_temp.ticked(now() + '12 minutes');
select cron.alter_job(jobid, active => false) from cron.job where jobname = 'crm_sync_tick';
select crm_sync.alert(now() + '12 minutes');
select is(pg_temp.beats(), 2, 'nor while none is scheduled');
select cron.alter_job(jobid, active => jobname = 'crm_sync_tick') from cron.job where jobname in ('crm_sync_tick', 'crm_sync_purge');
select crm_sync.alert(now() + '12 minutes');
select is(pg_temp.beats(), 3, 'another job that is missing does not stop it');
select pg_temp.ticked(now() + '17 minutes');
alter table crm_sync.alerts add constraint alerts_are_broken check (false) not valid;
update crm_sync.settings set is_running = true;
update crm_sync.destinations set is_paused = true;
select crm_sync.alert(now() + '17 minutes');
select is(pg_temp.beats(), 3, 'nor while nobody can be told of troubles');

select * from finish();
rollback;
