-- The checks of health() on what carries us: the switch, extensions, Vault, pg_net, pg_cron, and the server itself.

create function crm_sync._check_running(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_stopped crm_sync.operations;
begin
    select * into v_stopped from crm_sync.operations
    where operations.action = 'stop' order by operations.operation_id desc limit 1;
    return crm_sync._finding(
        (select settings.is_running from crm_sync.settings), 'started', 'error',
        coalesce(format('stopped by %s %s', v_stopped.operator, crm_sync._ago(v_stopped.operated_at, p_now)), 'never started')
            || ': nothing leaves, capture goes on',
        'select crm_sync.start();');
end;
$$;

create function crm_sync._check_platform()
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_missing text := crm_sync._missing_platform();
begin
    return crm_sync._finding(
        v_missing is null, 'pg_net, pg_cron and Vault are there', 'error', 'missing: ' || v_missing,
        crm_sync._platform_mend() || ' Then select crm_sync.start();');
end;
$$;

create function crm_sync._check_secrets()
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_function crm_sync.function_access := crm_sync._function_access();
    v_wrong    text;
begin
    select string_agg(said.wrong, '; ') into v_wrong
    from (values
        (case when v_function.url is null then 'crm_sync_function_url is missing'
              when v_function.url !~ '^https?://' then 'crm_sync_function_url is no URL' end),
        (case when v_function.secrets is null then 'crm_sync_signing_secret is missing'
              when exists (select from unnest(v_function.secrets) as secrets (secret)
                           where secrets.secret !~ '^whsec_([A-Za-z0-9+/]{4})+([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$')
              then 'crm_sync_signing_secret is not whsec_<base64>' end)
    ) as said (wrong);
    return crm_sync._finding(
        v_wrong is null, 'Vault holds URL and signing secret', 'error', v_wrong,
        'select vault.create_secret(''whsec_…'', ''crm_sync_signing_secret''); to change one: select vault.update_secret(id, ''…'') from vault.secrets where name = ''…''; the function must know the same signing secret.');
end;
$$;

create function crm_sync._check_pg_net_worker()
returns crm_sync.finding
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_up boolean := crm_sync._pg_net_is_up();
begin
    if v_is_up is null then
        return row('unknown', 'this pg_net can not be asked', 'alter extension pg_net update;', null, null)::crm_sync.finding;
    end if;
    return crm_sync._finding(
        v_is_up, 'pg_net''s worker runs', 'error', 'pg_net''s worker does not run: nothing leaves',
        'select net.worker_restart(); if that does not help, restart the database.');
end;
$$;

create function crm_sync._check_pg_net_queue(p_now timestamptz)
returns crm_sync.finding
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queued  record;
    v_is_down boolean := crm_sync._pg_net_is_up() is false;
begin
    select count(*) as ours, min(envelopes.dispatched_at) as oldest_at into v_queued
    from crm_sync.envelopes
    join net.http_request_queue as queue
      on queue.id = envelopes.request_id and queue.headers ->> 'webhook-id' = envelopes.envelope_id::text
    where envelopes.status = 'in_flight';
    return crm_sync._finding(
        v_queued.oldest_at is null or v_queued.oldest_at > p_now - interval '30 seconds' or v_is_down,
        format('%s of our requests wait in pg_net', v_queued.ours), 'error',
        format('%s of our requests wait in pg_net, the oldest for %s', v_queued.ours, crm_sync._span(p_now - v_queued.oldest_at)),
        'select net.wake(); who else fills the queue: select url, count(*) from net.http_request_queue group by url order by 2 desc;',
        null, case when v_is_down then array[''] end);
end;
$$;

create function crm_sync._check_cron_jobs()
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_missing  text;
    v_concerns jsonb;
begin
    if not (select settings.is_running from crm_sync.settings) then
        return row('ok', 'none while stopped', null, null, null)::crm_sync.finding;
    end if;
    select string_agg(wanted.job, ', ' order by wanted.job), jsonb_object_agg(wanted.job, null) into v_missing, v_concerns
    from crm_sync._wanted_jobs() as wanted
    where not exists (
        select from cron.job as jobs
        where jobs.jobname = wanted.job and jobs.command = wanted.command and jobs.active and jobs.database = current_database()
    );
    return crm_sync._finding(
        v_missing is null, 'all are scheduled', 'error', 'not scheduled, inactive, or another release''s: ' || v_missing,
        'select crm_sync.start();', v_concerns);
end;
$$;

create function crm_sync._check_cron_runs(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_failing  text;
    v_concerns jsonb;
begin
    select string_agg(format('%s, last %s', jobs.jobname, crm_sync._ago(last.start_time, p_now)), '; ' order by jobs.jobname),
           jsonb_object_agg(jobs.jobname, null)
    into v_failing, v_concerns
    from cron.job as jobs
    cross join lateral (
        select runs.start_time
        from cron.job_run_details as runs
        where runs.jobid = jobs.jobid and runs.status = 'failed'
        order by runs.runid desc
        limit 1
    ) as last
    where jobs.jobname in (select wanted.job from crm_sync._wanted_jobs() as wanted) and crm_sync._runs_fail(jobs.jobid, p_now);
    return crm_sync._finding(
        v_failing is null, 'no last run failed', 'error', 'the last run failed: ' || v_failing,
        'select command, return_message, start_time from cron.job_run_details where status = ''failed'' order by runid desc limit 10;', v_concerns);
end;
$$;

create function crm_sync._runs_fail(p_jobid bigint, p_now timestamptz)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_statuses  text[];
    v_oldest_at timestamptz;
begin
    select array_agg(runs.status order by runs.runid desc), min(coalesce(runs.end_time, runs.start_time))
    into v_statuses, v_oldest_at
    from (
        select * from cron.job_run_details as ever
        where ever.jobid = p_jobid and ever.status in ('succeeded', 'failed', 'running')
        order by ever.runid desc
        limit 4
    ) as runs;
    -- One that goes on may take a minute, and came after the one that failed; after three it is likely to be the fourth. Within
    -- the hour for which purge() keeps what succeeded: before that there may have been one between them.
    return coalesce(
        v_statuses[1] = 'failed'
            or (v_statuses = '{running,failed,failed,failed}' and v_oldest_at > p_now - interval '1 hour'),
        false);
end;
$$;

create function crm_sync._check_cron_history(p_limit int default 100000)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count bigint := (select count(*) from (select from cron.job_run_details limit p_limit + 1) as some_runs);
begin
    return crm_sync._finding(
        v_count <= p_limit, format('%s lines in cron.job_run_details', v_count), 'warning',
        format('more than %s lines in cron.job_run_details', p_limit),
        'select * from crm_sync.purge(); takes away ours; those of other jobs: delete from cron.job_run_details where end_time < now() - interval ''7 days'';');
end;
$$;

create function crm_sync._check_tick(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_job   record;
    v_last  timestamptz;
    v_limit interval;
begin
    select jobs.jobid, jobs.schedule into v_job from cron.job as jobs where jobs.jobname = 'crm_sync_tick' and jobs.active limit 1;
    if v_job.jobid is null then
        return row('ok', 'not scheduled: see cron_jobs', null, null, '{""}')::crm_sync.finding;
    end if;
    v_limit := case when v_job.schedule ~ 'second' then interval '1 minute' else interval '15 minutes' end;
    -- While requests are under way one run ticks again and again, each time in a transaction of its own.
    select greatest(runs.start_time, sessions.xact_start) into v_last
    from cron.job_run_details as runs
    left join pg_stat_activity as sessions
      on sessions.pid = runs.job_pid and runs.status = 'running' and sessions.backend_start <= runs.start_time
    -- One that is still connecting has not begun.
    where runs.jobid = v_job.jobid and runs.status <> 'failed' and runs.start_time is not null
      and (runs.status = 'succeeded' or not crm_sync._runs_fail(v_job.jobid, p_now))
    order by runs.runid desc
    limit 1;
    if v_last is null and current_setting('cron.log_run', true) = 'off' then
        return row('unknown', 'pg_cron keeps no history (cron.log_run = off)', 'cron.log_run = on', null, null)::crm_sync.finding;
    end if;
    return crm_sync._finding(
        coalesce(v_last, (select max(operations.operated_at) from crm_sync.operations where operations.action = 'start')) > p_now - v_limit,
        case when v_last is null then 'started, the first tick is to come' else 'last tick ' || crm_sync._ago(v_last, p_now) end, 'error',
        'last tick ' || crm_sync._ago(v_last, p_now),
        'Is pg_cron at work? select * from cron.job_run_details order by runid desc limit 5; does a tick hang? select pid, wait_event, query from pg_stat_activity where query like ''%crm_sync.tick%''; by hand: select * from crm_sync.tick();');
end;
$$;

create function crm_sync._check_restored_copy()
returns crm_sync.finding
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return crm_sync._finding(
        not crm_sync._is_a_copy((select settings.started_on from crm_sync.settings)), 'the server on which it was started', 'error',
        'not the server on which it was started: a restored backup, a copy, or a new primary; nothing leaves',
        'If it takes the original''s place, or shall send to a CRM of its own: select crm_sync.start(); if it is a copy: select crm_sync.stop(); and take the crm_sync_% secrets out of its Vault.');
end;
$$;

comment on function crm_sync._check_running(timestamptz) is 'Check: started.';
comment on function crm_sync._check_platform() is 'Check: extensions are there.';
comment on function crm_sync._check_secrets() is 'Check: Vault holds what dispatch needs, in the right form.';
comment on function crm_sync._check_pg_net_worker() is 'Check: pg_net''s worker runs.';
comment on function crm_sync._check_pg_net_queue(timestamptz) is 'Check: our requests do not wait in pg_net for more than 30 s.';
comment on function crm_sync._check_cron_jobs() is 'Check: our jobs are scheduled as this release wants them, and active.';
comment on function crm_sync._check_cron_runs(timestamptz) is 'Check: the last run of none of them failed, nor the last three before one that goes on.';
comment on function crm_sync._runs_fail(bigint, timestamptz) is 'Whether the last run of a job failed, or the last three before one that goes on.';
comment on function crm_sync._check_cron_history(int) is 'Check: pg_cron''s history, which nobody else purges, stays small.';
comment on function crm_sync._check_tick(timestamptz) is 'Check: the tick ran within the last minute (15 where it is not scheduled by seconds).';
comment on function crm_sync._check_restored_copy() is 'Check: server, timeline and database are those of the last start().';

revoke all on function crm_sync._check_running(timestamptz), crm_sync._check_platform(), crm_sync._check_secrets(),
    crm_sync._check_pg_net_worker(), crm_sync._check_pg_net_queue(timestamptz), crm_sync._check_cron_jobs(),
    crm_sync._check_cron_runs(timestamptz), crm_sync._runs_fail(bigint, timestamptz), crm_sync._check_cron_history(int), crm_sync._check_tick(timestamptz),
    crm_sync._check_restored_copy() from public;
