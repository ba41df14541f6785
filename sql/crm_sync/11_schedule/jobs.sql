-- What start() gives pg_cron to do. health() compares it with what pg_cron has, and an upgrade brings that up to date.

create function crm_sync._wanted_jobs(p_every text default null)
returns table (job text, schedule text, command text)
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    values ('crm_sync_tick', p_every, crm_sync._tick_command()),
           ('crm_sync_wake', '*/10 * * * *', 'select crm_sync._wake_forgotten_keys()'),
           ('crm_sync_alert', '* * * * *', 'select crm_sync.alert()'),
           ('crm_sync_purge', '17 * * * *', crm_sync._purge_command()),
           ('crm_sync_repair', '43 4 * * *', 'select crm_sync.repair_missing()');
end;
$$;

create function crm_sync._schedule(p_every text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- First what is there: scheduling a known name leaves it inactive if it was.
    perform crm_sync._unschedule();
    perform cron.schedule(wanted.job, wanted.schedule, wanted.command) from crm_sync._wanted_jobs(p_every) as wanted;
end;
$$;

create function crm_sync._unschedule()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if to_regclass('cron.job') is null then
        return;
    end if;
    -- By id: unscheduling an unknown name raises.
    perform cron.unschedule(jobs.jobid) from cron.job as jobs
    where jobs.jobname in (select wanted.job from crm_sync._wanted_jobs() as wanted);
end;
$$;

-- Each migration of a later release ends with it.
create function crm_sync._finish_upgrade()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_every text;
begin
    perform crm_sync.reattach();
    if to_regclass('cron.job') is null then
        return;
    end if;
    select jobs.schedule into v_every
    from cron.job as jobs
    where jobs.jobname = 'crm_sync_tick' and jobs.active and jobs.database = current_database();
    if found then
        perform crm_sync._schedule(v_every);
    end if;
end;
$$;

comment on function crm_sync._wanted_jobs(text) is 'The jobs of this release; the tick''s schedule is the caller''s.';
comment on function crm_sync._schedule(text) is 'Gives pg_cron the jobs of this release, the tick as often as said, in place of those that it has.';
comment on function crm_sync._unschedule() is 'Removes the jobs of ours that are there.';
comment on function crm_sync._finish_upgrade() is 'Makes generated functions, and the jobs of a database that is running, those of this release. Safe to repeat. Role: owner.';

revoke all on function crm_sync._wanted_jobs(text), crm_sync._schedule(text), crm_sync._unschedule(), crm_sync._finish_upgrade() from public;
