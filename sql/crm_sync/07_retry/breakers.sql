-- Opens and closes breakers by what was just settled. A destination's breaker opens at 70 % of at least 10 attempts
-- failing in 5 minutes, after 3 failures in a row on 2 keys or over 5 minutes, and when 2 keys in a row come back
-- misconfigured. Any success closes. Rejects are the row's fault and count neither way.

create function crm_sync._move_breakers(p_settlements crm_sync.settlement[], p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_seen record;
begin
    for v_seen in select * from crm_sync._seen_by_breakers(p_settlements) loop
        perform crm_sync._count_minute(v_seen.breaker, v_seen.attempt_count, v_seen.failure_count, p_now);
        if v_seen.has_success then
            perform crm_sync._close_breaker(v_seen.breaker, p_now);
        end if;
        if v_seen.failures_in_a_row > 0 then
            perform crm_sync._note_failures(
                v_seen.breaker, v_seen.failures_in_a_row, v_seen.failing_keys, v_seen.misconfigured_keys, v_seen.last_failed_key, p_now);
        end if;
        if v_seen.failure_count > 0 then
            perform crm_sync._open_breaker_if_failing(v_seen.breaker, v_seen.has_probe, p_now);
        end if;
    end loop;
    perform crm_sync._end_probes(p_now);
end;
$$;

create function crm_sync._seen_by_breakers(p_settlements crm_sync.settlement[])
returns table (
    breaker text, attempt_count int, failure_count int, has_success boolean, has_probe boolean, failures_in_a_row int,
    failing_keys text[], last_failed_key text, misconfigured_keys text[]
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    with outcomes as (
        -- What an envelope's failure says, it says of the function; any usable answer is a success of the function.
        select 'function' as breaker, deliveries.ordering_key, settlements.envelope_id, settlements.delivery_id,
               case when settlements.envelope_failed then 'retry' else 'delivered' end as outcome
        from unnest(p_settlements) as settlements
        join crm_sync.deliveries on deliveries.delivery_id = settlements.delivery_id
        where settlements.error_code is distinct from 'request_lost' and settlements.error_code is distinct from 'taken_back'
        union all
        select deliveries.destination, deliveries.ordering_key, settlements.envelope_id, settlements.delivery_id, settlements.outcome
        from unnest(p_settlements) as settlements
        join crm_sync.deliveries on deliveries.delivery_id = settlements.delivery_id
        where not settlements.envelope_failed
          and settlements.outcome in ('delivered', 'retry', 'unknown', 'misconfigured')
          and settlements.error_code is distinct from 'request_lost'
    ),
    numbered as (
        -- The function is tried once an envelope, a destination once a delivery.
        select outcomes.*,
               case when outcomes.breaker = 'function' then outcomes.envelope_id::text else outcomes.delivery_id::text end as attempt,
               outcomes.envelope_id = breakers.probe_envelope_id as is_probe,
               coalesce(max(outcomes.delivery_id) filter (where outcomes.outcome = 'delivered')
                   over (partition by outcomes.breaker), 0) as last_success
        from outcomes
        join crm_sync.breakers on breakers.breaker = outcomes.breaker
    )
    select numbered.breaker,
           count(distinct numbered.attempt)::int,
           (count(distinct numbered.attempt) filter (where numbered.outcome <> 'delivered'))::int,
           bool_or(numbered.outcome = 'delivered'),
           coalesce(bool_or(numbered.is_probe), false),
           -- What was captured after the last success has failed.
           (count(distinct numbered.attempt) filter (where numbered.delivery_id > numbered.last_success))::int,
           array_agg(numbered.ordering_key) filter (where numbered.delivery_id > numbered.last_success),
           (array_agg(numbered.ordering_key order by numbered.delivery_id desc))[1],
           array_agg(numbered.ordering_key)
               filter (where numbered.delivery_id > numbered.last_success and numbered.outcome = 'misconfigured')
    from numbered
    group by numbered.breaker;
end;
$$;

create function crm_sync._count_minute(p_breaker text, p_attempt_count int, p_failure_count int, p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into crm_sync.breaker_minutes as minutes (breaker, minute, attempt_count, failure_count)
    values (p_breaker, date_trunc('minute', p_now), p_attempt_count, p_failure_count)
    on conflict (breaker, minute) do update
    set attempt_count = minutes.attempt_count + excluded.attempt_count,
        failure_count = minutes.failure_count + excluded.failure_count;
    delete from crm_sync.breaker_minutes as minutes where minutes.minute < p_now - interval '1 day';
end;
$$;

create function crm_sync._close_breaker(p_breaker text, p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Minutes before the recovery say nothing about the time after it.
    delete from crm_sync.breaker_minutes as minutes
    using crm_sync.breakers
    where minutes.breaker = p_breaker and breakers.breaker = p_breaker and breakers.state <> 'closed';
    update crm_sync.breakers
    set state = 'closed', reason = null, open_until = null, open_count = 0, opened_at = null,
        failures_in_a_row = 0, failing_since = null, failing_keys = '{}', misconfigured_keys = '{}',
        probe_outcome = case when breakers.probe_envelope_id is null then breakers.probe_outcome else 'success' end,
        probe_envelope_id = null, last_success_at = p_now
    where breakers.breaker = p_breaker;
end;
$$;

create function crm_sync._note_failures(
    p_breaker text, p_failures int, p_keys text[], p_misconfigured_keys text[], p_last_failed_key text, p_now timestamptz
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update crm_sync.breakers
    set failures_in_a_row = breakers.failures_in_a_row + p_failures,
        failing_since = coalesce(breakers.failing_since, p_now),
        failing_keys = array(
            select distinct key from unnest(breakers.failing_keys || p_keys) as both_lists (key) limit 2
        ),
        misconfigured_keys = array(
            select distinct key from unnest(breakers.misconfigured_keys || p_misconfigured_keys) as both_lists (key) limit 2
        ),
        last_failed_key = p_last_failed_key
    where breakers.breaker = p_breaker;
end;
$$;

create function crm_sync._open_breaker_if_failing(p_breaker text, p_has_probe boolean, p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_breaker crm_sync.breakers;
    v_reason  text;
begin
    select * into strict v_breaker from crm_sync.breakers where breakers.breaker = p_breaker;
    v_reason := case
        when cardinality(v_breaker.misconfigured_keys) > 1 then 'misconfigured'
        when v_breaker.failures_in_a_row >= 3
             and (cardinality(v_breaker.failing_keys) > 1 or v_breaker.failing_since <= p_now - interval '5 minutes')
             then 'failures in a row'
        when (
            select sum(minutes.attempt_count) >= 10 and sum(minutes.failure_count) >= 0.7 * sum(minutes.attempt_count)
            from crm_sync.breaker_minutes as minutes
            where minutes.breaker = p_breaker and minutes.minute > p_now - interval '5 minutes'
        ) then '70 % failing in 5 minutes'
        -- Closed it has none; half-open, the one for which it was open.
        else v_breaker.reason
    end;
    -- What left before it opened says nothing of the probe.
    if v_reason is null or v_breaker.state = 'open' or (v_breaker.state = 'half_open' and not p_has_probe) then
        return;
    end if;
    -- A probe that failed opens it for twice as long.
    update crm_sync.breakers
    set state = 'open',
        reason = v_reason,
        open_count = breakers.open_count + 1,
        open_until = p_now + crm_sync._open_interval(breakers.open_count + 1),
        opened_at = coalesce(breakers.opened_at, p_now),
        probe_outcome = case when breakers.probe_envelope_id is null then breakers.probe_outcome else 'failure' end,
        probe_envelope_id = null
    where breakers.breaker = p_breaker;
    -- What still waits in pg_net's queue would hang, and hold up everybody's next batch.
    perform crm_sync._settle(crm_sync._take_back(envelopes.envelope_id, p_now), p_now)
    from crm_sync.envelopes
    where envelopes.destination = p_breaker and envelopes.status = 'in_flight';
end;
$$;

create function crm_sync._open_interval(p_open_count int)
returns interval
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return least(interval '30 seconds' * power(2, least(p_open_count - 1, 10)), interval '15 minutes');
end;
$$;

create function crm_sync._end_probes(p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A probe that told neither way (rejected, not attempted, lost, cancelled): the next one may go at once.
    update crm_sync.breakers
    set state = 'open', open_until = p_now, probe_envelope_id = null, probe_outcome = 'inconclusive'
    where breakers.state = 'half_open'
      and not exists (
          select from crm_sync.envelopes
          where envelopes.envelope_id = breakers.probe_envelope_id and envelopes.status = 'in_flight'
      );
end;
$$;

comment on function crm_sync._move_breakers(crm_sync.settlement[], timestamptz) is 'Opens and closes breakers by these outcomes. Called by settle.';
comment on function crm_sync._seen_by_breakers(crm_sync.settlement[]) is 'Breaker by breaker, what these outcomes tell of it.';
comment on function crm_sync._count_minute(text, int, int, timestamptz) is 'Adds to the minute''s counts.';
comment on function crm_sync._close_breaker(text, timestamptz) is 'A success: closes the breaker and forgets what failed before.';
comment on function crm_sync._note_failures(text, int, text[], text[], text, timestamptz) is 'Adds to the failures in a row.';
comment on function crm_sync._open_breaker_if_failing(text, boolean, timestamptz) is 'Opens the breaker if one of the rules holds; a failed probe opens it for longer.';
comment on function crm_sync._open_interval(int) is 'How long it stays open: 30 s, doubling to 15 min.';
comment on function crm_sync._end_probes(timestamptz) is 'Half-open breakers whose probe is over and told nothing are open again, due for the next probe.';

revoke all on function crm_sync._move_breakers(crm_sync.settlement[], timestamptz), crm_sync._seen_by_breakers(crm_sync.settlement[]), crm_sync._count_minute(text, int, int, timestamptz),
    crm_sync._close_breaker(text, timestamptz), crm_sync._note_failures(text, int, text[], text[], text, timestamptz),
    crm_sync._open_breaker_if_failing(text, boolean, timestamptz), crm_sync._open_interval(int),
    crm_sync._end_probes(timestamptz) from public;
