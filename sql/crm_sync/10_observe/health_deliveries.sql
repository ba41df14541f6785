-- The checks of health() on what is under way: the function, the receivers, what waits, what died, what fell silent, and
-- whether anybody was told.

create function crm_sync._function_complaint()
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A function that answers nobody leaves its words with the deliveries that wait for it.
    return (
        select coalesce((
            select deliveries.last_error
            from crm_sync.deliveries
            where deliveries.ordering_key = breakers.last_failed_key
              and deliveries.status in ('pending', 'in_flight')
              and deliveries.last_error_code = 'no_usable_answer'
            order by deliveries.delivery_id
            limit 1
        ), 'no usable answer')
        from crm_sync.breakers
        where breakers.breaker = 'function' and breakers.failures_in_a_row > 0
    );
end;
$$;

create function crm_sync._check_function(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_breaker   crm_sync.breakers;
    v_complaint text := crm_sync._function_complaint();
begin
    select * into strict v_breaker from crm_sync.breakers where breakers.breaker = 'function';
    return crm_sync._finding(
        v_complaint is null or crm_sync._is_about_signature(v_complaint),
        case when v_complaint is not null then 'answers: see signature'
             when v_breaker.last_success_at is null then 'not called yet'
             else 'answered ' || crm_sync._ago(v_breaker.last_success_at, p_now) end,
        'error',
        format('%s, for %s; answered %s', v_complaint,
               crm_sync._span(p_now - v_breaker.failing_since), crm_sync._ago(v_breaker.last_success_at, p_now)),
        case
            when v_complaint like 'HTTP 404%' then 'supabase functions deploy crm-sync; is crm_sync_function_url in Vault right?'
            when v_complaint like 'HTTP 500%' then 'supabase secrets set CRM_SYNC_SIGNING_SECRET=whsec_…; else the function''s own log'
            when v_complaint like 'HTTP 546%' or v_complaint like 'HTTP 50%' then 'The platform''s limits or an outage: the function''s own log, status.supabase.com'
            else 'Is crm_sync_function_url in Vault right? select * from crm_sync.http_log order by dispatched_at desc limit 10;'
        end);
end;
$$;

create function crm_sync._check_signature()
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_complaint text := crm_sync._function_complaint();
begin
    return crm_sync._finding(
        v_complaint is null or not crm_sync._is_about_signature(v_complaint), 'not refused', 'error',
        'function and database do not know each other''s signature: ' || v_complaint,
        'Vault''s crm_sync_signing_secret and the function''s CRM_SYNC_SIGNING_SECRET must share a whsec_… (several: separated by a space); deploy with verify_jwt = false; the clocks must agree within 5 min.');
end;
$$;

create function crm_sync._is_about_signature(p_complaint text)
returns boolean
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    -- 401: ours was refused. An answer that only the function gives, and not signed as we would: the other way round.
    select p_complaint ~ '^HTTP (401|200|207|409),';
$$;

create function crm_sync._check_breakers(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_open     text;
    v_concerns jsonb;
begin
    select string_agg(format(
               '%s has not been called for %s (%s)', breakers.breaker, crm_sync._span(p_now - breakers.opened_at), breakers.reason
           ), '; ' order by breakers.breaker),
           jsonb_object_agg(breakers.breaker, null)
    into v_open, v_concerns
    from crm_sync.breakers
    where breakers.breaker <> 'function' and breakers.state <> 'closed';
    return crm_sync._finding(
        v_open is null, 'every destination is called', 'error', v_open,
        'It is probed by itself, and goes on with the first success; nothing is lost meanwhile. Why: select last_error_code, last_error, count(*) from crm_sync.delivery_log where status = ''pending'' group by 1, 2; misconfigured: mend the function''s secrets.', v_concerns);
end;
$$;

create function crm_sync._check_paused()
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_paused   text;
    v_concerns jsonb;
begin
    select string_agg(destinations.destination, ', ' order by destinations.destination), jsonb_object_agg(destinations.destination, null)
    into v_paused, v_concerns
    from crm_sync.destinations
    where destinations.is_paused;
    return crm_sync._finding(
        v_paused is null, 'nothing is paused', 'warning', 'paused: ' || v_paused,
        format('select crm_sync.resume(%L);', split_part(v_paused, ', ', 1)), v_concerns);
end;
$$;

create function crm_sync._check_backlog(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_limit    interval := (select settings.backlog_age_limit from crm_sync.settings);
    v_late     text;
    v_concerns jsonb;
begin
    -- What waits for a stop, a pause or a breaker, or on a copy, waits for a reason that has a check of its own.
    select string_agg(format('%s: due for %s', open.destination, crm_sync._span(p_now - oldest.next_attempt_at)), '; ' order by open.destination),
           jsonb_object_agg(open.destination, null)
    into v_late, v_concerns
    from crm_sync._destinations_in_service() as open (destination)
    cross join lateral (
        select deliveries.next_attempt_at
        from crm_sync.deliveries
        where deliveries.destination = open.destination
          and deliveries.status = 'pending' and not deliveries.is_parked and not deliveries.is_backfill
        order by deliveries.next_attempt_at
        limit 1
    ) as oldest
    where oldest.next_attempt_at < p_now - v_limit;
    return crm_sync._finding(
        v_late is null, 'nothing is due for longer than ' || v_limit, 'error', v_late,
        'select * from crm_sync.route_health; does the tick dispatch? select * from crm_sync.tick(); is a rate or limit too low? select * from crm_sync.destinations; does an operator''s open transaction hold keys? select pid, state, xact_start, query from pg_stat_activity where pid in (select pid from pg_locks where locktype = ''advisory'' and classid = 1129467219) order by xact_start;', v_concerns,
        array(select destinations.destination from crm_sync.destinations
              where destinations.destination not in (select open.destination from crm_sync._destinations_in_service() as open (destination))));
end;
$$;

create function crm_sync._check_tried_in_vain(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_vain         text;
    v_concerns     jsonb;
    v_wants_person boolean;
begin
    -- While its receiver takes others; of one that takes nobody its breaker tells. What used up no attempt never goes dead, nor
    -- does what can not be read: it would wait, and keep its key waiting, unseen.
    select string_agg(format('%s of %s for %s (%s)', vain.count, vain.route, crm_sync._span(p_now - vain.oldest_at), vain.codes),
                      '; ' order by vain.route),
           jsonb_object_agg(vain.route, vain.count),
           bool_or(vain.wants_person)
    into v_vain, v_concerns, v_wants_person
    from (
        select tried.route, count(*) as count, min(tried.since) as oldest_at, bool_or(tried.waits) as wants_person,
               string_agg(distinct coalesce(tried.last_error_code, tried.last_outcome), ', ') as codes
        from (
            select deliveries.*, coalesce(deliveries.claimed_at, deliveries.captured_at) as since,
                   deliveries.claimed_at is null or deliveries.wait_count >= 3 and (deliveries.last_outcome = 'misconfigured' or deliveries.last_error_code = 'expired') as waits
            from crm_sync.deliveries
            where deliveries.status = 'pending' and not deliveries.is_parked
              and deliveries.destination in (select * from crm_sync._destinations_in_service())
              and (deliveries.claimed_at is not null or deliveries.last_error_code = 'record_not_built')
        ) as tried
        where tried.since < p_now - (select settings.backlog_age_limit from crm_sync.settings)
          and (tried.waits or tried.attempt_count >= 5)
        group by tried.route
    ) as vain;
    return crm_sync._finding(
        v_vain is null, 'nothing that was tried still waits for long', case when v_wants_person then 'error' else 'warning' end, v_vain,
        'Which, and what was said: select delivery_id, route, row_id, last_status, last_error_code, last_error from crm_sync.delivery_log where status = ''pending'' and last_error_code is not null order by delivery_id; receiver_status_401, 403: the receiver''s key; 404, 405, 410: its URL, or it has no such endpoint; expired: the clocks of database and function differ; internal_error: the function''s log; record_not_built: its row can not be read, crm_sync.faults has why. They go on by themselves then; what waits behind one on its key is let through by select * from crm_sync.cancel(array[…]);',
        v_concerns,
        array(select routes.route from crm_sync.routes
              where routes.destination not in (select * from crm_sync._destinations_in_service())));
end;
$$;

create function crm_sync._destinations_in_service()
returns setof text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select destinations.destination
    from crm_sync.destinations
    cross join crm_sync.settings
    where settings.is_running
      and not crm_sync._is_a_copy(settings.started_on)
      and not destinations.is_paused
      and not exists (
          select from crm_sync.breakers
          where breakers.breaker in (destinations.destination, 'function') and breakers.state <> 'closed'
      );
end;
$$;

create function crm_sync._check_envelopes(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_oldest timestamptz := (select min(envelopes.dispatched_at) from crm_sync.envelopes where envelopes.status = 'in_flight');
    v_limit  interval := (select settings.lease + interval '1 minute' from crm_sync.settings);
begin
    return crm_sync._finding(
        v_oldest is null or v_oldest > p_now - v_limit,
        case when v_oldest is null then 'none is under way' else 'the oldest under way left ' || crm_sync._ago(v_oldest, p_now) end, 'error',
        'one has been under way for ' || crm_sync._span(p_now - v_oldest),
        'The tick settles what is under way: select * from crm_sync.tick(); what it said: select * from crm_sync.faults order by fault_id desc limit 10; what another session holds it leaves alone: select pid, state, xact_start, query from pg_stat_activity where pid in (select pid from pg_locks where relation = ''crm_sync.deliveries''::regclass and mode in (''RowShareLock'', ''RowExclusiveLock'')) order by xact_start;');
end;
$$;

create function crm_sync._check_dead_letters()
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_dead     text;
    v_concerns jsonb;
begin
    select string_agg(format('%s of %s (%s)', dead.count, dead.route, dead.codes), '; ' order by dead.route),
           jsonb_object_agg(dead.route, dead.count)
    into v_dead, v_concerns
    from (
        select deliveries.route, count(*) as count, string_agg(distinct deliveries.last_error_code, ', ') as codes
        from crm_sync.deliveries
        where deliveries.status = 'dead'
        group by deliveries.route
    ) as dead;
    return crm_sync._finding(
        v_dead is null, 'none', 'error', 'dead: ' || v_dead,
        'select * from crm_sync.dead_letters; a corrected row is sent again by itself, another is by select * from crm_sync.redeliver(array[…]); or given up by select * from crm_sync.cancel(array[…]);', v_concerns);
end;
$$;

create function crm_sync._check_silence(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_silent   text;
    v_concerns jsonb;
    v_judged   text[];
begin
    select string_agg(format('%s: last change %s, usually one every %s min', gaps.route,
                             crm_sync._ago(gaps.last_captured_at, p_now), ceil(extract(epoch from gaps.usual_gap) / 60)),
                      '; ' order by gaps.route) filter (where gaps.is_silent),
           jsonb_object_agg(gaps.route, null) filter (where gaps.is_silent),
           coalesce(array_agg(gaps.route) filter (where gaps.is_silent is not null), '{}')
    into v_silent, v_concerns, v_judged
    from crm_sync._route_gaps(p_now) as gaps;
    return crm_sync._finding(
        v_silent is null, 'no route is quieter than usual', 'warning', v_silent,
        'Does the application still write? Is capture on? See the checks "triggers" and "missing_rows". A site that is quieter for good: update crm_sync.settings set silence_factor = …;', v_concerns,
        -- So quiet that others have pushed it out of sight.
        array(select attachments.route from crm_sync.attachments where attachments.route <> all (v_judged)));
end;
$$;

create function crm_sync._route_gaps(p_now timestamptz, p_window int default 20000)
returns table (route text, last_captured_at timestamptz, usual_gap interval, longest_gap interval, is_silent boolean)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- By minutes with a change, so that a burst counts once. Nights and week-ends are the longest gaps; before two days of
    -- history none of them may have been seen.
    return query
    with recent as (
        select newest.route, newest.captured_at
        from (
            select deliveries.route, deliveries.captured_at, deliveries.is_backfill, deliveries.operation
            from crm_sync.deliveries
            order by deliveries.delivery_id desc
            limit p_window
        ) as newest
        where not newest.is_backfill
          and newest.operation in ('INSERT', 'UPDATE')
          and newest.route in (select attachments.route from crm_sync.attachments)
    ),
    gaps as (
        select minutes.route, minutes.captured_at,
               minutes.captured_at - lag(minutes.captured_at) over (partition by minutes.route order by minutes.captured_at) as gap
        from (
            select recent.route, max(recent.captured_at) as captured_at
            from recent
            group by recent.route, date_trunc('minute', recent.captured_at)
        ) as minutes
    ),
    measured as (
        select gaps.route, max(gaps.captured_at) as last_at, avg(gaps.gap) as usual, max(gaps.gap) as longest,
               count(gaps.gap) as gap_count, max(gaps.captured_at) - min(gaps.captured_at) as span
        from gaps
        group by gaps.route
    )
    select measured.route, measured.last_at, measured.usual, measured.longest,
           case when measured.gap_count >= 10 then p_now - measured.last_at > greatest(
               settings.silence_factor * measured.usual, 2 * measured.longest,
               case when measured.span > interval '2 days' then interval '1 hour' else interval '1 day' end) end
    from measured
    cross join crm_sync.settings;
end;
$$;

create function crm_sync._check_alerts(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_told_at timestamptz := (select max(messages.written_at) from crm_sync.alert_messages as messages where messages.outcome = 'delivered');
    v_untold  crm_sync.alert_messages;
begin
    select * into v_untold from crm_sync.alert_messages as messages
    where messages.outcome is distinct from 'delivered'
      and messages.written_at between p_now - interval '1 day' and p_now - interval '5 minutes'
    order by messages.written_at desc
    limit 1;
    return crm_sync._finding(
        v_untold.message_id is null, 'last told: ' || crm_sync._ago(v_told_at, p_now), 'warning',
        format('an alert of %s did not arrive: %s', crm_sync._ago(v_untold.written_at, p_now), coalesce(v_untold.error, 'no answer')),
        'supabase secrets set CRM_SYNC_ALERT_URL=https://…; then select * from crm_sync.test_alert();');
end;
$$;

comment on function crm_sync._function_complaint() is 'What was wrong with the function''s last answer, by the deliveries that wait for it; null: nothing.';
comment on function crm_sync._is_about_signature(text) is 'Whether such an answer speaks of signatures.';
comment on function crm_sync._check_function(timestamptz) is 'Check: the function''s last answer was one.';
comment on function crm_sync._check_signature() is 'Check: function and database verify each other.';
comment on function crm_sync._check_breakers(timestamptz) is 'Check: no destination''s breaker is open.';
comment on function crm_sync._check_paused() is 'Check: no destination is paused.';
comment on function crm_sync._check_backlog(timestamptz) is 'Check: nothing that could leave is due for longer than settings.backlog_age_limit.';
comment on function crm_sync._check_tried_in_vain(timestamptz) is
    'Check: nothing is tried again and again while its receiver takes others: three times with an answer that uses up no attempt, or read in vain (an error: it would wait for ever), or five times with one that does (a warning).';
comment on function crm_sync._destinations_in_service() is 'Destinations to which something could leave now.';
comment on function crm_sync._check_envelopes(timestamptz) is 'Check: nothing is under way for longer than its lease and a minute.';
comment on function crm_sync._check_dead_letters() is 'Check: nothing is dead.';
comment on function crm_sync._check_silence(timestamptz) is 'Check: no route is quiet for many times its usual gap (settings.silence_factor), and twice its longest.';
comment on function crm_sync._route_gaps(timestamptz, int) is
    'The time between changes of each route, over so many of the newest deliveries; of routes with fewer than ten gaps is_silent is null.';
comment on function crm_sync._check_alerts(timestamptz) is 'Check: the alerts of a day arrived.';

revoke all on function crm_sync._function_complaint(), crm_sync._is_about_signature(text), crm_sync._check_function(timestamptz),
    crm_sync._check_signature(), crm_sync._check_breakers(timestamptz), crm_sync._check_paused(),
    crm_sync._check_backlog(timestamptz), crm_sync._check_tried_in_vain(timestamptz), crm_sync._destinations_in_service(), crm_sync._check_envelopes(timestamptz),
    crm_sync._check_dead_letters(), crm_sync._check_silence(timestamptz),
    crm_sync._route_gaps(timestamptz, int), crm_sync._check_alerts(timestamptz) from public;
