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
           ('crm_sync_wake', '*/10 * * * *', crm_sync._under_read_committed(
               'crm_sync', 'perform crm_sync._wake_forgotten_keys(); perform crm_sync._look_for_mended();')),
           ('crm_sync_alert', '* * * * *', crm_sync._under_read_committed('crm_sync', 'perform crm_sync.alert();')),
           ('crm_sync_purge', '17 * * * *', crm_sync._purge_command()),
           ('crm_sync_repair', '43 4 * * *', crm_sync._under_read_committed('crm_sync', 'perform crm_sync.repair_missing();'));
end;
$$;

create function crm_sync._under_read_committed(p_tag text, p_statements text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    -- Elsewhere the tick would not see what it waited for, and the others might end the application's transactions, or be ended
    -- by them. Behind a commit: a block has begun its first transaction with a snapshot, after which none can be set.
    select format('do $%1$s$ begin commit; set transaction isolation level read committed; %2$s end $%1$s$', p_tag, p_statements);
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
    v_former_name text;
    v_table_name  text;
begin
    -- Table by table: one that is gone, which health() tells, holds up no upgrade.
    for v_former_name, v_table_name in
        select renamed.former_name, renamed.table_name from crm_sync._renamed_tables() as renamed where renamed.is_certain
    loop
        begin
            perform crm_sync._follow_rename(v_former_name, v_table_name);
        exception when others then
            perform crm_sync._note_fault('upgrade of ' || v_table_name, sqlstate, sqlerrm);
        end;
    end loop;
    for v_table_name in select * from crm_sync._attached_tables() loop
        begin
            perform crm_sync._reattach_table(v_table_name);
        exception when others then
            perform crm_sync._note_fault('upgrade of ' || v_table_name, sqlstate, sqlerrm);
        end;
    end loop;
    if to_regclass('cron.job') is null then
        return;
    end if;
    -- The command alone: whether and when a job runs is the operator's.
    perform cron.alter_job(jobs.jobid, command => wanted.command)
    from cron.job as jobs
    join crm_sync._wanted_jobs() as wanted on wanted.job = jobs.jobname
    where jobs.command <> wanted.command and jobs.database = current_database();
end;
$$;

comment on function crm_sync._wanted_jobs(text) is 'The jobs of this release; the tick''s schedule is the caller''s.';
comment on function crm_sync._under_read_committed(text, text) is 'A command that runs these statements of PL/pgSQL under read committed, whatever the default of the database or the role; one that commits does so with "and chain".';
comment on function crm_sync._schedule(text) is 'Gives pg_cron the jobs of this release, the tick as often as said, in place of those that it has.';
comment on function crm_sync._unschedule() is 'Removes the jobs of ours that are there.';
comment on function crm_sync._finish_upgrade() is 'Makes generated functions, and what the scheduled jobs do, those of this release. A table that can not be attached anew is noted as a fault. Safe to repeat. Role: owner.';

revoke all on function crm_sync._wanted_jobs(text), crm_sync._under_read_committed(text, text), crm_sync._schedule(text),
    crm_sync._unschedule(), crm_sync._finish_upgrade() from public;
