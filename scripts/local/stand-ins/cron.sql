-- Stand-in for pg_cron 1.6: its tables, functions, rights and error texts. What runs the jobs is
-- scripts/local/cron-runner.ts, which listens on the channel pg_cron_jobs_changed.
-- The functions that begin with _ write as the owner, as the original's C functions do; the public ones
-- hand them the caller's name, which a security definer could not see.

create schema cron;
comment on schema cron is 'stand-in for pg_cron 1.6';

create sequence cron.jobid_seq;
create sequence cron.runid_seq;

create table cron.job (
    jobid bigint primary key default nextval('cron.jobid_seq'),
    schedule text not null,
    command text not null,
    nodename text not null default 'localhost',
    nodeport integer not null default inet_server_port(),
    database text not null default current_database(),
    username text not null default current_user,
    active boolean not null default true,
    jobname text,
    constraint jobname_username_uniq unique (jobname, username)
);

create table cron.job_run_details (
    jobid bigint,
    runid bigint primary key default nextval('cron.runid_seq'),
    job_pid integer,
    database text,
    username text,
    command text,
    status text,
    return_message text,
    start_time timestamptz,
    end_time timestamptz
);

alter table cron.job enable row level security;
create policy cron_job_policy on cron.job using (username = current_user);
alter table cron.job_run_details enable row level security;
create policy cron_job_run_details_policy on cron.job_run_details using (username = current_user);

create function cron.job_cache_invalidate()
returns trigger
language plpgsql
as $$
begin
    perform pg_catalog.pg_notify('pg_cron_jobs_changed', '');
    return null;
end
$$;

create trigger cron_job_cache_invalidate
after insert or update or delete or truncate on cron.job
for each statement execute function cron.job_cache_invalidate();

create function cron._schedule_is_valid(p_schedule text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
declare
    c_lowest constant integer[] := '{0,0,1,1,0}';
    c_highest constant integer[] := '{59,23,31,12,7}';
    c_months constant text[] := '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}';
    c_days constant text[] := '{sun,mon,tue,wed,thu,fri,sat}';
    v_fields text[] := regexp_split_to_array(btrim(lower(p_schedule), E' \t'), '[ \t]+');
    v_item text;
    v_range text[];
begin
    if p_schedule ~* '^\s*([1-9]|[1-5][0-9])\s+seconds?\s*$' then
        return true;
    end if;
    if lower(p_schedule) ~ '^\s*@(reboot|restart|yearly|annually|monthly|weekly|daily|midnight|hourly)\s*$' then
        return true;
    end if;
    if cardinality(v_fields) <> 5 then
        return false;
    end if;
    for v_field in 1..5 loop
        continue when v_field = 3 and v_fields[3] = '$';
        foreach v_item in array string_to_array(v_fields[v_field], ',') loop
            if v_item ~ '^\*(/0*[1-9][0-9]*)?$' then
                continue;
            elsif v_field = 4 and v_item = any (c_months) or v_field = 5 and v_item = any (c_days) then
                continue;
            end if;
            v_range := regexp_match(v_item, '^([0-9]{1,4})(?:-([0-9]{1,4})(?:/0*[1-9][0-9]*)?)?$');
            if v_range is null
                or v_range[1]::integer not between c_lowest[v_field] and c_highest[v_field]
                or v_range[2]::integer not between v_range[1]::integer and c_highest[v_field]
            then
                return false;
            end if;
        end loop;
    end loop;
    return true;
end
$$;

create function cron._check(p_condition boolean, p_message text)
returns void
language plpgsql
set search_path = ''
as $$
begin
    if p_condition is not true then
        raise exception using errcode = 'XX000', message = p_message;
    end if;
end
$$;

create function cron._check_schedule(p_schedule text)
returns void
language plpgsql
set search_path = ''
as $$
begin
    if not cron._schedule_is_valid(p_schedule) then
        raise exception using
            errcode = '22023',
            message = 'invalid schedule: ' || p_schedule,
            hint = 'Use cron format (e.g. 5 4 * * *), or interval format ''[1-59] seconds''';
    end if;
end
$$;

create function cron._schedule(
    p_job_name text, p_schedule text, p_command text, p_database text, p_username text, p_active boolean
)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_jobid bigint;
begin
    perform cron._check(p_schedule is not null, 'schedule can not be NULL');
    perform cron._check(p_command is not null, 'command can not be NULL');
    perform cron._check_schedule(p_schedule);
    insert into cron.job (schedule, command, nodename, nodeport, database, username, active, jobname)
    values (p_schedule, p_command, 'localhost', inet_server_port(), p_database, p_username, p_active, p_job_name)
    on conflict on constraint jobname_username_uniq do update
    set schedule = excluded.schedule, command = excluded.command, database = excluded.database
    returning jobid into v_jobid;
    return v_jobid;
end
$$;

create function cron._unschedule(p_job_id bigint)
returns void
language sql
security definer
set search_path = ''
as $$
    delete from cron.job where jobid = p_job_id;
$$;

create function cron._find(p_job_name text, p_username text)
returns bigint
language sql
security definer
set search_path = ''
as $$
    select jobid from cron.job where jobname = p_job_name and username = p_username;
$$;

create function cron._owner_of(p_job_id bigint)
returns text
language sql
security definer
set search_path = ''
as $$
    select username from cron.job where jobid = p_job_id;
$$;

create function cron._is_superuser(p_username text)
returns boolean
language sql
set search_path = ''
as $$
    select rolsuper from pg_catalog.pg_roles where rolname = p_username;
$$;

create function cron.schedule(schedule text, command text)
returns bigint
language plpgsql
strict
as $$
begin
    return cron._schedule(null, schedule, command, current_database(), current_user, true);
end
$$;

create function cron.schedule(job_name text, schedule text, command text)
returns bigint
language plpgsql
as $$
begin
    perform cron._check(job_name is not null, 'job_name can not be NULL');
    return cron._schedule(job_name, schedule, command, current_database(), current_user, true);
end
$$;

create function cron.schedule_in_database(
    job_name text, schedule text, command text, database text, username text default null, active boolean default true
)
returns bigint
language plpgsql
as $$
begin
    perform cron._check(job_name is not null, 'job_name can not be NULL');
    perform cron._check(
        coalesce(username, current_user) = current_user or cron._is_superuser(current_user),
        'must be superuser to create a job for another role'
    );
    return cron._schedule(job_name, schedule, command, database, coalesce(username, current_user), active);
end
$$;

create function cron.unschedule(job_id bigint)
returns boolean
language plpgsql
strict
as $$
declare
    v_owner text := cron._owner_of(job_id);
begin
    perform cron._check(v_owner is not null, 'could not find valid entry for job ' || job_id);
    if v_owner <> current_user and not has_table_privilege('cron.job', 'delete') then
        raise exception using errcode = '42501', message = 'permission denied for table job';
    end if;
    perform cron._unschedule(job_id);
    return true;
end
$$;

create function cron.unschedule(job_name text)
returns boolean
language plpgsql
strict
as $$
declare
    v_job_id bigint := cron._find(job_name, current_user);
begin
    perform cron._check(v_job_id is not null, format('could not find valid entry for job ''%s''', job_name));
    perform cron._unschedule(v_job_id);
    return true;
end
$$;

create function cron._alter_job(
    p_job_id bigint, p_schedule text, p_command text, p_database text, p_username text, p_active boolean
)
returns void
language sql
security definer
set search_path = ''
as $$
    update cron.job
    set schedule = coalesce(p_schedule, schedule),
        command = coalesce(p_command, command),
        database = coalesce(p_database, database),
        username = coalesce(p_username, username),
        active = coalesce(p_active, active)
    where jobid = p_job_id;
$$;

create function cron.alter_job(
    job_id bigint,
    schedule text default null,
    command text default null,
    database text default null,
    username text default null,
    active boolean default null
)
returns void
language plpgsql
as $$
begin
    perform cron._check(
        username is null or username = current_user or cron._is_superuser(current_user),
        'must be superuser to alter username'
    );
    if schedule is not null then
        perform cron._check_schedule(schedule);
    end if;
    perform cron._check(
        coalesce(cron._owner_of(job_id) = current_user or cron._is_superuser(current_user)
            and cron._owner_of(job_id) is not null, false),
        format('Job %s does not exist or you don''t own it', job_id)
    );
    perform cron._check(
        num_nonnulls(schedule, command, database, username, active) > 0,
        'no updates specified'
    );
    perform cron._alter_job(job_id, schedule, command, database, username, active);
end
$$;

-- Rights as hosted. The schema keeps everybody but postgres out.
grant usage on schema cron to postgres with grant option;
grant select on cron.job, cron.job_run_details, cron.jobid_seq, cron.runid_seq to public;
grant delete on cron.job_run_details to public;
grant all on cron.job_run_details to postgres with grant option;
revoke trigger on cron.job_run_details from postgres;
grant select on cron.job to postgres with grant option;
revoke all on function cron.alter_job(bigint, text, text, text, text, boolean) from public;
revoke all on function cron.schedule_in_database(text, text, text, text, text, boolean) from public;
grant execute on all functions in schema cron to postgres with grant option;

select stand_in.register_extension('pg_cron', '1.6', 'pg_catalog');
