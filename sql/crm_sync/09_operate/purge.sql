-- Retention: records go first, the trace without personal data later. In batches, each a transaction of its own, so that no run
-- locks or bloats much, and one after the other until none is full or ten minutes have passed.

create function crm_sync._purge_command()
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return crm_sync._under_read_committed(
        'purge', 'loop exit when not crm_sync._purge_again(); commit and chain; end loop;');
end;
$$;

create function crm_sync._purge_again(p_batch int default 5000, p_for interval default '10 minutes')
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_full boolean;
begin
    select bool_or(purged.purged_count >= p_batch) into v_is_full from crm_sync.purge(p_batch => p_batch) as purged;
    return v_is_full and crm_sync._has_time_left(p_for);
end;
$$;

create function crm_sync.purge(p_now timestamptz default clock_timestamp(), p_batch int default 5000)
returns table (what text, purged_count int)
language plpgsql
set search_path = pg_catalog, pg_temp set jit = 'off'
as $$
declare
    v_settings crm_sync.settings;
begin
    select * into strict v_settings from crm_sync.settings;
    what := 'records';
    purged_count := crm_sync._purge_records(
        p_now - v_settings.keep_record_delivered, p_now - v_settings.keep_record_dead, p_batch);
    return next;
    what := 'deliveries';
    purged_count := crm_sync._purge_deliveries(p_now - v_settings.keep_trace, p_batch);
    return next;
    what := 'envelopes';
    with purged as (
        delete from crm_sync.envelopes
        where envelopes.envelope_id in (
            select old.envelope_id from crm_sync.envelopes as old
            where old.settled_at < p_now - v_settings.keep_trace
            order by old.settled_at
            limit p_batch
        )
        returning 1
    )
    select count(*)::int into purged_count from purged;
    return next;
    what := 'faults';
    with purged as (
        delete from crm_sync.faults where faults.noticed_at < p_now - v_settings.keep_record_delivered returning 1
    )
    select count(*)::int into purged_count from purged;
    return next;
    what := 'alerts';
    with ended as (
        delete from crm_sync.alerts
        where alerts.ended_at < p_now - case when alerts.told_at is null then interval '7 days' else v_settings.keep_trace end
        returning 1
    ),
    closed as (
        delete from crm_sync.alert_messages where alert_messages.closed_at < p_now - v_settings.keep_trace returning 1
    )
    select (select count(*) from ended) + (select count(*) from closed) into purged_count;
    return next;
    what := 'cron runs';
    purged_count := crm_sync._purge_cron_runs(p_now - interval '1 hour', p_batch);
    return next;
end;
$$;

create function crm_sync._purge_records(p_delivered_before timestamptz, p_dead_before timestamptz, p_batch int)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count int;
begin
    with old as (
        select deliveries.delivery_id
        from crm_sync.deliveries
        where deliveries.record is not null
          and deliveries.finished_at < case when deliveries.status = 'dead' then p_dead_before else p_delivered_before end
        limit p_batch
        for update skip locked
    )
    update crm_sync.deliveries
    set record = null
    from old
    where deliveries.delivery_id = old.delivery_id;
    get diagnostics v_count = row_count;
    return v_count;
end;
$$;

create function crm_sync._purge_deliveries(p_before timestamptz, p_batch int)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_purged bigint[];
begin
    -- Materialized: as a join's inner side the subquery would be asked again, and lock the next ones each time.
    with old as materialized (
        select deliveries.delivery_id from crm_sync.deliveries
        where deliveries.finished_at < p_before
        limit p_batch
        for update skip locked
    ),
    purged as (
        delete from crm_sync.deliveries
        using old
        where deliveries.delivery_id = old.delivery_id
        returning deliveries.delivery_id
    )
    select array_agg(purged.delivery_id) into v_purged from purged;
    delete from crm_sync.delivery_attempts as attempts where attempts.delivery_id = any (v_purged);
    return coalesce(cardinality(v_purged), 0);
end;
$$;

create function crm_sync._purge_cron_runs(p_before timestamptz, p_batch int)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count int;
begin
    -- pg_cron leaves a row for each run and never removes one, of a run that a crash has ended without end_time; failed runs
    -- stay a day for health().
    delete from cron.job_run_details as runs
    where runs.runid in (
        select old.runid
        from cron.job_run_details as old
        where old.command like any (array['do $tick$%crm\_sync.tick()%', 'do $purge$%crm\_sync.\_purge%', 'do $crm\_sync$%', 'select crm\_sync.%'])
          and coalesce(old.end_time, old.start_time) < case when old.status = 'succeeded' then p_before else p_before - interval '1 day' end
        limit p_batch
    );
    get diagnostics v_count = row_count;
    return v_count;
end;
$$;

comment on function crm_sync.purge(timestamptz, int) is
    'Deletes what is past retention (crm_sync.settings), a batch of each kind; returns how many. Scheduled by start(), hourly, again and again for ten minutes while a batch is full. Safe to repeat. Role: owner.';
comment on function crm_sync._purge_command() is 'What start() schedules: batch after batch.';
comment on function crm_sync._purge_again(int, interval) is 'Purges a batch of each kind; whether another one shall follow: one was full, and there is time.';
comment on function crm_sync._purge_records(timestamptz, timestamptz, int) is 'Empties the record of deliveries finished before then.';
comment on function crm_sync._purge_deliveries(timestamptz, int) is 'Deletes deliveries finished before then, with their attempts.';
comment on function crm_sync._purge_cron_runs(timestamptz, int) is 'Deletes our own lines in cron.job_run_details.';

revoke all on function crm_sync._purge_command(), crm_sync._purge_again(int, interval), crm_sync.purge(timestamptz, int), crm_sync._purge_records(timestamptz, timestamptz, int),
    crm_sync._purge_deliveries(timestamptz, int), crm_sync._purge_cron_runs(timestamptz, int) from public;
