-- What people are told without asking: each check of health() that turns red or yellow, and its end. One message a minute
-- for all that is new, the same trouble once in settings.alert_window. The server's log has it too, whatever becomes of
-- the message: lines that begin with "crm-sync alert: " or "crm-sync recovered: ", for a log drain to match.

create table crm_sync.alerts (
    alert_id           bigint       generated always as identity primary key,
    check_name         text         not null,
    concern            text         not null default '',
    level              text         not null,
    detail             text         not null,
    mend               text,
    amount             bigint       not null default 0,
    raised_at          timestamptz  not null,
    told_at            timestamptz,
    told_level         text,
    told_amount        bigint,
    ended_at           timestamptz,
    recovery_told_at   timestamptz,
    constraint level_is_a_trouble check (level in ('warning', 'error', 'unknown'))
);

create unique index alerts_unended_idx on crm_sync.alerts (check_name, concern) where ended_at is null;
create index alerts_ended_untold_idx on crm_sync.alerts (ended_at) where told_at is not null and recovery_told_at is null;

alter table crm_sync.alerts enable row level security;

create function crm_sync.alert(p_now timestamptz default clock_timestamp())
returns table (step text, affected int)
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '50ms'
as $$
declare
    v_is_well boolean := true;
begin
    perform from crm_sync.heartbeat for no key update skip locked;
    if not found then
        return;
    end if;
    foreach step in array array['answers', 'alerts', 'messages', 'heartbeat'] loop
        -- Who can not tell of troubles is not well.
        continue when step = 'heartbeat' and not v_is_well;
        affected := crm_sync._alert_step(step, p_now);
        v_is_well := v_is_well and not (step = 'alerts' and affected is null);
        return next;
    end loop;
end;
$$;

create function crm_sync._alert_step(p_step text, p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return case p_step
        when 'answers' then crm_sync._take_message_answers(p_now)
        when 'alerts' then crm_sync._observe_and_tell(p_now)
        when 'messages' then crm_sync._post_messages(p_now)
        when 'heartbeat' then crm_sync._beat(p_now)
    end;
exception when others then
    -- Without Vault or pg_net nobody can be called; the log is written all the same.
    perform crm_sync._note_fault('alert: ' || p_step, sqlstate, sqlerrm);
    return null;
end;
$$;

create function crm_sync._observe_and_tell(p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_checks text[] := crm_sync._checks_to_alert(p_now);
begin
    perform crm_sync._observe(p_now, v_checks);
    return crm_sync._tell(p_now, v_checks);
end;
$$;

create function crm_sync._checks_to_alert(p_now timestamptz)
returns text[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A copy speaks of nothing else: its troubles are nobody's, and go to the original's chat.
    if crm_sync._is_a_copy((select settings.started_on from crm_sync.settings)) then
        return array['restored_copy'];
    end if;
    -- missing_rows reads tables: every quarter of an hour. Of alerts that do not arrive no alert can tell.
    return array(
        select checks.name
        from unnest(crm_sync._checks()) as checks (name)
        where checks.name <> 'alerts'
          and (checks.name <> 'missing_rows' or extract(minute from p_now)::int % 15 = 0)
    );
end;
$$;

create function crm_sync._observe(p_now timestamptz, p_checks text[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    with findings as materialized (
        select * from crm_sync._findings(p_now, p_checks)
    ),
    troubles as materialized (
        select findings.check_name, coalesce(concerns.key, '') as concern, findings.level, findings.detail, findings.mend,
               coalesce(concerns.value::bigint, 0) as amount
        from findings
        left join lateral jsonb_each_text(findings.concerns) as concerns on true
        where findings.level <> 'ok'
    ),
    -- What comes back before its end was told has not ended.
    reopened as (
        update crm_sync.alerts
        set ended_at = null, level = troubles.level, detail = troubles.detail, mend = troubles.mend, amount = troubles.amount
        from troubles
        where alerts.check_name = troubles.check_name and alerts.concern = troubles.concern
          and alerts.ended_at is not null and alerts.told_at is not null and alerts.recovery_told_at is null
        returning alerts.check_name, alerts.concern
    ),
    raised as (
        insert into crm_sync.alerts (check_name, concern, level, detail, mend, amount, raised_at)
        select troubles.check_name, troubles.concern, troubles.level, troubles.detail, troubles.mend, troubles.amount, p_now
        from troubles
        where (troubles.check_name, troubles.concern) not in (select reopened.check_name, reopened.concern from reopened)
        -- What could not be looked at is what it was. Of what was told and is fewer now, more is news again.
        on conflict (check_name, concern) where ended_at is null do update
        set level = excluded.level, detail = excluded.detail, mend = excluded.mend, amount = excluded.amount,
            told_amount = least(alerts.told_amount, excluded.amount)
        where excluded.level <> 'unknown' or alerts.level = 'unknown'
    )
    update crm_sync.alerts
    set ended_at = p_now
    where alerts.ended_at is null
      and (alerts.check_name = any (p_checks) or alerts.check_name <> all (crm_sync._checks()))
      and not exists (
          select from troubles
          where troubles.check_name = alerts.check_name
            and (troubles.concern = alerts.concern or (troubles.level = 'unknown' and alerts.level <> 'unknown'))
      )
      and not exists (
          select from findings where findings.check_name = alerts.check_name and alerts.concern = any (findings.blind)
      );
end;
$$;

create function crm_sync._tell(p_now timestamptz, p_checks text[])
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_alerts     text[];
    v_recoveries text[];
    v_line       text;
begin
    -- A check speaks in one line of all its destinations or routes.
    with told as (
        update crm_sync.alerts
        set told_at = p_now, told_level = alerts.level, told_amount = alerts.amount
        where alerts.alert_id in (select due.alert_id from crm_sync._alerts_to_tell(p_now, p_checks) as due)
        returning alerts.*
    )
    select coalesce(array_agg(distinct format('%s %s: %s', told.level, told.check_name, told.detail)
                              || coalesce(e'\n    ' || told.mend, '')), '{}') into v_alerts
    from told;
    with told as (
        update crm_sync.alerts
        set recovery_told_at = p_now
        where alerts.alert_id in (select due.alert_id from crm_sync._recoveries_to_tell(p_now) as due)
        returning alerts.*
    )
    select coalesce(array_agg(concat_ws(' ', told.check_name, nullif(told.concern, ''), 'after', crm_sync._span(told.ended_at - told.raised_at))
                              order by told.check_name, told.concern), '{}') into v_recoveries
    from told;
    foreach v_line in array v_alerts loop
        raise log 'crm-sync alert: %', split_part(v_line, e'\n', 1);
    end loop;
    foreach v_line in array v_recoveries loop
        raise log 'crm-sync recovered: %', v_line;
    end loop;
    insert into crm_sync.alert_messages (text, written_at)
    select string_agg(lines.line, e'\n'), p_now
    from (
        select unnest(v_alerts) as line
        union all
        select 'recovered ' || recoveries.line from unnest(v_recoveries) as recoveries (line)
    ) as lines
    having count(*) > 0;
    return cardinality(v_alerts) + cardinality(v_recoveries);
end;
$$;

create function crm_sync._alerts_to_tell(p_now timestamptz, p_checks text[])
returns table (alert_id bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select alerts.alert_id
    from crm_sync.alerts
    cross join crm_sync.settings
    where alerts.ended_at is null
      and alerts.check_name = any (p_checks)
      -- Another session's lock ends by itself.
      and (alerts.level <> 'unknown' or alerts.raised_at <= p_now - interval '10 minutes')
      and case
          -- What comes and goes is told once in a window.
          when alerts.told_at is null then not exists (
              select from crm_sync.alerts as earlier
              where earlier.check_name = alerts.check_name and earlier.concern = alerts.concern
                and earlier.told_at > p_now - settings.alert_window
                and (earlier.told_level = 'error' or alerts.level <> 'error'))
          when alerts.level = 'error' and alerts.told_level <> 'error' then true
          when alerts.amount > alerts.told_amount then alerts.told_at <= p_now - settings.alert_window
          else alerts.told_at <= p_now - settings.alert_reminder
      end;
end;
$$;

create function crm_sync._recoveries_to_tell(p_now timestamptz)
returns table (alert_id bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- What only seemed to be over comes back within minutes. Of what could not be looked at, nothing has recovered.
    return query
    select alerts.alert_id
    from crm_sync.alerts
    where alerts.ended_at <= p_now - interval '5 minutes'
      and alerts.told_at is not null
      and alerts.recovery_told_at is null
      and (alerts.told_level <> 'unknown' or not exists (
          select from crm_sync.alerts as others where others.check_name = alerts.check_name and others.ended_at is null));
end;
$$;

comment on table crm_sync.alerts is
    'Troubles that health() found, each from raised_at to ended_at; concern: the destination or route that it is about, empty: the whole; amount: how many, where it can grow. Not told yet: told_at is null. No personal data.';
comment on function crm_sync.alert(timestamptz) is
    'Looks at health(), tells what is new and what is over, and posts the heartbeat when it is due: through the function, to CRM_SYNC_ALERT_URL (Slack-compatible) and CRM_SYNC_HEARTBEAT_URL; and in the server''s log. Scheduled by start(), each minute. Safe to repeat: the same trouble is told once in settings.alert_window; its end when it has been over for five minutes. A breaker that opens and closes between two looks is told of by nobody. Returns each step with its count; nothing while another runs. Role: owner.';
comment on function crm_sync._alert_step(text, timestamptz) is 'One step of alert(); an error is noted and ends the step alone.';
comment on function crm_sync._checks_to_alert(timestamptz) is 'The checks to look at in this minute.';
comment on function crm_sync._observe_and_tell(timestamptz) is 'The alerts of this minute, and the message that tells of them; returns how many it tells.';
comment on function crm_sync._observe(timestamptz, text[]) is 'Raises, keeps up to date and ends alerts.';
comment on function crm_sync._tell(timestamptz, text[]) is 'Writes one message of what is to be told, and a line each in the log; returns how many.';
comment on function crm_sync._alerts_to_tell(timestamptz, text[]) is
    'Of these checks: new ones; those that became an error, grew, or last as long as settings.alert_reminder.';
comment on function crm_sync._recoveries_to_tell(timestamptz) is 'Told ones that have been over for five minutes.';

revoke all on function crm_sync.alert(timestamptz), crm_sync._alert_step(text, timestamptz), crm_sync._checks_to_alert(timestamptz),
    crm_sync._observe_and_tell(timestamptz), crm_sync._observe(timestamptz, text[]), crm_sync._tell(timestamptz, text[]), crm_sync._alerts_to_tell(timestamptz, text[]), crm_sync._recoveries_to_tell(timestamptz) from public;

grant select on crm_sync.alerts to crm_sync_reader, crm_sync_operator;

create policy readers_see_alerts on crm_sync.alerts
    for select to crm_sync_reader, crm_sync_operator using (true);
