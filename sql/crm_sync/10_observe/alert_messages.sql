-- Messages to people, and the heartbeat that tells a dead man's switch that tick, pg_net and function are alive. Kept until
-- the function has answered that they arrived: as a delivery, but beside the ledger, whose troubles they tell of.

create table crm_sync.alert_messages (
    message_id   uuid         primary key default gen_random_uuid(),
    text         text         not null,
    written_at   timestamptz  not null,
    post_count   int          not null default 0,
    request_id   bigint,
    posted_at    timestamptz,
    outcome      text,
    error        text,
    closed_at    timestamptz,
    constraint outcome_is_known check (
        outcome in ('delivered', 'retry', 'reject', 'misconfigured', 'not_attempted', 'unknown')
    )
);

create index alert_messages_open_idx on crm_sync.alert_messages (written_at) where closed_at is null;

alter table crm_sync.alert_messages enable row level security;

-- One row: alert() locks it, one at a time.
create table crm_sync.heartbeat (
    only_row   boolean  primary key default true,
    beaten_at  timestamptz,
    constraint there_is_only_one_row check (only_row)
);

insert into crm_sync.heartbeat default values;

alter table crm_sync.heartbeat enable row level security;

create function crm_sync.test_alert(p_note text default null)
returns table (message_id uuid, see text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '3s'
as $$
#variable_conflict use_column
begin
    insert into crm_sync.alert_messages (text, written_at)
    values (format('test alert, asked for by %s', session_user), clock_timestamp())
    returning alert_messages.message_id into message_id;
    perform crm_sync._post_messages(clock_timestamp());
    perform crm_sync._note_operation('test_alert', jsonb_build_object('message_id', message_id), 1, p_note);
    see := format('select outcome, error from crm_sync.alert_messages where message_id = %L;', message_id);
    return next;
end;
$$;

create function crm_sync._post_messages(p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count int;
begin
    update crm_sync.alert_messages
    set closed_at = p_now, outcome = coalesce(alert_messages.outcome, 'unknown')
    where alert_messages.closed_at is null and alert_messages.written_at < p_now - interval '1 day';
    -- While pg_net holds it, it is under way; somebody's slow request may hold up its batch.
    with due as materialized (
        select open.message_id, open.text
               || case when open.written_at < p_now - interval '5 minutes' then format(' (written %s)', crm_sync._ago(open.written_at, p_now)) else '' end as text
        from crm_sync.alert_messages as open
        where open.closed_at is null
          and not exists (
              select from net.http_request_queue as queue
              where queue.id = open.request_id and queue.headers ->> 'webhook-id' = open.message_id::text)
          and (open.posted_at is null
               or open.posted_at <= p_now - crm_sync._message_delay(open.post_count, open.outcome)
               -- What is older goes first.
               or (open.posted_at <= p_now - interval '50 seconds'
                   and exists (select from crm_sync.alert_messages as newer where newer.closed_at is null and newer.posted_at is null)))
        order by open.written_at
        for update skip locked
    )
    update crm_sync.alert_messages
    set request_id = crm_sync._post_notice(due.message_id, jsonb_build_object('alert', due.text)),
        posted_at = p_now,
        post_count = alert_messages.post_count + 1
    from due
    where alert_messages.message_id = due.message_id;
    get diagnostics v_count = row_count;
    if exists (select from crm_sync.alert_messages as open where open.closed_at is null and open.posted_at < p_now) then
        perform net.wake();
    end if;
    return v_count;
end;
$$;

create function crm_sync._message_delay(p_post_count int, p_outcome text)
returns interval
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    -- A minute, 2, 4, 8, 16, 30; at once the longest where the function's secret is to be mended first.
    select case
        when p_outcome = 'misconfigured' then interval '30 minutes'
        else least(interval '30 minutes', interval '50 seconds' * 2 ^ least(p_post_count - 1, 10))
    end;
$$;

create function crm_sync._take_message_answers(p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count int;
begin
    -- Bounded by pg_net's one index; a stranger's answer may stand beside ours under the same number.
    with answered as (
        select distinct on (open.message_id) open.message_id, answers.status_code, answers.error_msg, read.result
        from crm_sync.alert_messages as open
        join net._http_response as answers
          on answers.id = open.request_id and answers.created >= open.posted_at - interval '10 minutes'
        cross join lateral (
            select crm_sync._verified(open.message_id, answers.headers, answers.content, (crm_sync._function_access()).secrets)
                   -> 'results' -> 0 as result
        ) as read
        where open.closed_at is null
        order by open.message_id, read.result is null
    )
    update crm_sync.alert_messages
    set outcome = coalesce(answered.result ->> 'outcome', 'unknown'),
        error = case
            when answered.result is null then coalesce('HTTP ' || answered.status_code || ', not the function''s answer to an alert', answered.error_msg)
            else left(answered.result ->> 'error', 500)
        end,
        closed_at = case when answered.result ->> 'outcome' = 'delivered' then p_now end
    from answered
    where alert_messages.message_id = answered.message_id;
    get diagnostics v_count = row_count;
    return v_count;
end;
$$;

create function crm_sync._beat(p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Nothing is due, or the heart does not beat.
    if not exists (
        select from crm_sync.heartbeat
        cross join crm_sync.settings
        where settings.heartbeat_every is not null
          -- pg_cron's minutes are not all of one length.
          and (heartbeat.beaten_at is null or heartbeat.beaten_at <= p_now - settings.heartbeat_every + interval '10 seconds')
    ) or exists (
        select from crm_sync._findings(p_now, array['running', 'platform', 'secrets', 'cron_jobs', 'tick', 'restored_copy']) as findings
        where findings.level <> 'ok'
          -- Other jobs than the tick are no matter of life and death.
          and (findings.check_name <> 'cron_jobs' or findings.concerns ? 'crm_sync_tick')
    ) then
        return 0;
    end if;
    perform crm_sync._post_notice(gen_random_uuid(), '{"heartbeat": true}');
    update crm_sync.heartbeat set beaten_at = p_now;
    return 1;
end;
$$;

create function crm_sync._post_notice(p_id uuid, p_notice jsonb)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- The function's call ends after 8 s; everybody's next batch waits for this one.
    return crm_sync._post_signed(
        crm_sync._required_function_access(), p_id, jsonb_build_object('version', 1, 'notice', p_notice), interval '10 seconds');
end;
$$;

comment on table crm_sync.alert_messages is
    'What was told, or is still to be: outcome delivered, misconfigured (the function''s CRM_SYNC_ALERT_URL), retry, or unknown (no usable answer); posted again for a day until it is delivered. No personal data.';
comment on table crm_sync.heartbeat is 'When the last heartbeat left.';
comment on function crm_sync.test_alert(text) is
    'Tells people, as an alert would, that this is a test; the answer a minute later by the statement in "see". Each call sends one message. Role: crm_sync_operator. Error: CS010 Vault is not set up.';
comment on function crm_sync._post_messages(timestamptz) is 'Posts what is open and due; returns how many. Raises CS010: Vault is not set up.';
comment on function crm_sync._message_delay(int, text) is 'After how long a message without a good answer is posted again.';
comment on function crm_sync._take_message_answers(timestamptz) is 'Reads what the function said of them; returns of how many.';
comment on function crm_sync._beat(timestamptz) is 'Posts a heartbeat if one is due and the tick runs; returns 1, else 0.';
comment on function crm_sync._post_notice(uuid, jsonb) is 'Something for people, not for a receiver: alert or heartbeat; returns pg_net''s id.';

revoke all on function crm_sync.test_alert(text), crm_sync._post_messages(timestamptz), crm_sync._message_delay(int, text),
    crm_sync._take_message_answers(timestamptz),
    crm_sync._beat(timestamptz), crm_sync._post_notice(uuid, jsonb) from public;
grant execute on function crm_sync.test_alert(text) to crm_sync_operator;

grant select on crm_sync.alert_messages to crm_sync_reader, crm_sync_operator;

create policy readers_see_alert_messages on crm_sync.alert_messages
    for select to crm_sync_reader, crm_sync_operator using (true);

create policy heartbeat_is_for_the_owner_alone on crm_sync.heartbeat
    using (false);
