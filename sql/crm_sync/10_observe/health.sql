-- health(): is all well, and if not, what mends it. One row per check, each in a block of its own. It waits for no other
-- machine (the function's reachability is what its last answer said), and for a lock no longer than vacuum holds one.
-- Definer: readers have no rights on Vault, pg_cron and the tables that hold personal data.

create type crm_sync.finding as (
    level     text,
    detail    text,
    mend      text,
    concerns  jsonb,
    blind     text[]
);

comment on type crm_sync.finding is
    'level: ok; warning: somebody should look; error: rows do not reach a receiver, or may not; unknown: the check could not look. concerns: the destinations or routes it is about, each with how many (null: no matter); null: the whole. blind: those that can not be judged now, of which it says nothing.';

create function crm_sync.health(p_now timestamptz default clock_timestamp())
returns table (check_name text, level text, detail text, mend text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '50ms'
as $$
begin
    return query
    select findings.check_name, findings.level, findings.detail,
           crm_sync._mend_for(findings.mend, coalesce(nullif(current_setting('role'), 'none'), session_user))
    from crm_sync._findings(p_now, crm_sync._checks()) as findings;
end;
$$;

create function crm_sync._mend_for(p_mend text, p_role name)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_beyond text;
begin
    -- The dashboard's callers run none of it in any case.
    if p_mend is null or not (pg_has_role(p_role, 'crm_sync_reader', 'usage') or pg_has_role(p_role, 'crm_sync_operator', 'usage')) then
        return p_mend;
    end if;
    select string_agg(beyond.name, ', ' order by beyond.name) into v_beyond
    from (
        select named.name || '()' as name
        from (select distinct matches.match[1] as name from regexp_matches(p_mend, 'crm_sync\.([a-z_]+)\(', 'g') as matches (match)) as named
        where not exists (
            select from pg_catalog.pg_proc as functions
            where functions.pronamespace = 'crm_sync'::regnamespace and functions.proname = named.name
              and has_function_privilege(p_role, functions.oid, 'execute'))
        union
        select matches.match[2]
        from regexp_matches(p_mend, '(update|delete) (?:from )?crm_sync\.([a-z_]+)', 'g') as matches (match)
        where not has_table_privilege(p_role, to_regclass('crm_sync.' || matches.match[2]), matches.match[1])
    ) as beyond;
    return p_mend || coalesce(' It takes more rights than yours: ' || v_beyond || '.', '');
end;
$$;

create function crm_sync._checks()
returns text[]
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select array[
        'running', 'platform', 'secrets', 'pg_net_worker', 'pg_net_queue', 'cron_jobs', 'cron_runs', 'cron_history', 'tick',
        'function', 'signature', 'breakers', 'paused', 'backlog', 'tried_in_vain', 'envelopes', 'dead_letters', 'silence',
        'triggers', 'columns', 'capture_failures', 'unstored_changes', 'missing_rows', 'faults', 'restored_copy', 'alerts'
    ];
$$;

create function crm_sync._findings(p_now timestamptz, p_checks text[])
returns table (check_name text, level text, detail text, mend text, concerns jsonb, blind text[])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    foreach check_name in array p_checks loop
        select finding.* into level, detail, mend, concerns, blind from crm_sync._checked(check_name, p_now) as finding;
        return next;
    end loop;
end;
$$;

create function crm_sync._checked(p_check text, p_now timestamptz)
returns crm_sync.finding
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return case p_check
        when 'running' then crm_sync._check_running(p_now)
        when 'platform' then crm_sync._check_platform()
        when 'secrets' then crm_sync._check_secrets()
        when 'pg_net_worker' then crm_sync._check_pg_net_worker()
        when 'pg_net_queue' then crm_sync._check_pg_net_queue(p_now)
        when 'cron_jobs' then crm_sync._check_cron_jobs()
        when 'cron_runs' then crm_sync._check_cron_runs(p_now)
        when 'cron_history' then crm_sync._check_cron_history()
        when 'tick' then crm_sync._check_tick(p_now)
        when 'function' then crm_sync._check_function(p_now)
        when 'signature' then crm_sync._check_signature()
        when 'breakers' then crm_sync._check_breakers(p_now)
        when 'paused' then crm_sync._check_paused()
        when 'backlog' then crm_sync._check_backlog(p_now)
        when 'tried_in_vain' then crm_sync._check_tried_in_vain(p_now)
        when 'envelopes' then crm_sync._check_envelopes(p_now)
        when 'dead_letters' then crm_sync._check_dead_letters()
        when 'silence' then crm_sync._check_silence(p_now)
        when 'triggers' then crm_sync._check_triggers()
        when 'columns' then crm_sync._check_columns()
        when 'capture_failures' then crm_sync._check_capture_failures(p_now)
        when 'unstored_changes' then crm_sync._check_unstored_changes()
        when 'missing_rows' then crm_sync._check_missing_rows(p_now)
        when 'faults' then crm_sync._check_faults(p_now)
        when 'restored_copy' then crm_sync._check_restored_copy()
        when 'alerts' then crm_sync._check_alerts(p_now)
    end;
exception when others then
    return row('unknown', format('could not look (SQLSTATE %s)', sqlstate), case
        when sqlstate = '55P03' then 'Another session holds a lock; look again.'
        else 'See the check "platform".'
    end, null, null)::crm_sync.finding;
end;
$$;

create function crm_sync._finding(
    p_is_ok boolean, p_fine text, p_level text, p_detail text, p_mend text, p_concerns jsonb default null, p_blind text[] default null
)
returns crm_sync.finding
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_is_ok then row('ok', p_fine, null, null, p_blind)::crm_sync.finding
        else row(p_level, p_detail, p_mend, p_concerns, p_blind)::crm_sync.finding
    end;
$$;

create function crm_sync._span(p_span interval)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_span < interval '2 minutes' then greatest(0, round(extract(epoch from p_span))) || ' s'
        when p_span < interval '2 hours' then floor(extract(epoch from p_span) / 60) || ' min'
        when p_span < interval '2 days' then floor(extract(epoch from p_span) / 3600) || ' h'
        else floor(extract(epoch from p_span) / 86400) || ' days'
    end;
$$;

create function crm_sync._ago(p_at timestamptz, p_now timestamptz)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(crm_sync._span(p_now - p_at) || ' ago', 'never');
$$;

comment on function crm_sync.health(timestamptz) is
    'One row per check: level (ok, warning, error, unknown), detail without personal data, and the statement or step that mends it (null: nothing to mend), with what of it the caller''s role may not run. Waits for a lock 50 ms at most, and calls nobody; changes nothing; safe to repeat. Roles: crm_sync_reader, crm_sync_operator. Raises nothing: a check that can not look says unknown.';
comment on function crm_sync._mend_for(text, name) is 'What mends it, for a reader or an operator with what of it their role may not call or change.';
comment on function crm_sync._checked(text, timestamptz) is 'One check of health(); an error makes it unknown and ends it alone.';
comment on function crm_sync._finding(boolean, text, text, text, text, jsonb, text[]) is 'ok with a word on what is fine, or else level, detail and mend; in either case what it is blind to.';
comment on function crm_sync._ago(timestamptz, timestamptz) is 'How long ago, in words; null: never.';
comment on function crm_sync._span(interval) is 'A length of time in words; null for null.';
comment on function crm_sync._checks() is 'The checks of health(), each a function _check_<name> that _checked() calls, in the order in which a cause comes before what it causes.';
comment on function crm_sync._findings(timestamptz, text[]) is 'What these checks say.';

revoke all on function crm_sync.health(timestamptz), crm_sync._mend_for(text, name), crm_sync._checked(text, timestamptz),
    crm_sync._finding(boolean, text, text, text, text, jsonb, text[]), crm_sync._ago(timestamptz, timestamptz),
    crm_sync._span(interval), crm_sync._checks(), crm_sync._findings(timestamptz, text[]) from public;
grant execute on function crm_sync.health(timestamptz) to crm_sync_reader, crm_sync_operator;
