-- The one transition out of in_flight. Fence: only what is still in flight in the very envelope that the outcome is of;
-- late, foreign and forged answers settle nothing. Called by reconcile, stop() and a breaker that opens, under the tick's lock.

create function crm_sync._settle(p_settlements crm_sync.settlement[], p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_settled bigint[];
begin
    if cardinality(p_settlements) = 0 then
        perform crm_sync._end_probes(p_now);
        return 0;
    end if;
    p_settlements := crm_sync._fenced(p_settlements);
    with judged as (
        select crm_sync._judge(deliveries, destinations, settlements, p_now) as verdict, settlements.*
        from unnest(p_settlements) as settlements
        join crm_sync.deliveries on deliveries.delivery_id = settlements.delivery_id
        join crm_sync.destinations on destinations.destination = deliveries.destination
    ),
    attempted as (
        insert into crm_sync.delivery_attempts (
            delivery_id, envelope_id, attempt, is_counted, outcome, status, error_code, error, dispatched_at, settled_at
        )
        select judged.delivery_id, judged.envelope_id,
               (judged.verdict).attempt_count + case when judged.is_counted then 0 else 1 end,
               judged.is_counted, (judged.verdict).last_outcome, judged.status, judged.error_code, judged.error,
               envelopes.dispatched_at, p_now
        from judged
        join crm_sync.envelopes on envelopes.envelope_id = judged.envelope_id
        on conflict do nothing
    ),
    settled as (
        update crm_sync.deliveries
        set status = (judged.verdict).status,
            envelope_id = null,
            attempt_count = (judged.verdict).attempt_count,
            envelope_failure_count = (judged.verdict).envelope_failure_count,
            wait_count = (judged.verdict).wait_count,
            failed_alone_count = (judged.verdict).failed_alone_count,
            failed_alone_since = (judged.verdict).failed_alone_since,
            next_attempt_at = (judged.verdict).next_attempt_at,
            finished_at = (judged.verdict).finished_at,
            last_outcome = (judged.verdict).last_outcome,
            last_status = judged.status,
            last_error_code = (judged.verdict).last_error_code,
            last_error = judged.error
        from judged
        where deliveries.delivery_id = judged.delivery_id
        returning deliveries.delivery_id
    )
    select array_agg(settled.delivery_id) into v_settled from settled;
    perform crm_sync._move_breakers(p_settlements, p_now);
    perform crm_sync._after_settle(v_settled, p_now);
    return coalesce(cardinality(v_settled), 0);
end;
$$;

create function crm_sync._fenced(p_settlements crm_sync.settlement[])
returns crm_sync.settlement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- What a probe, or an envelope's failure, says against a receiver uses up no attempt.
    return (
        select coalesce(array_agg(row(
            settlements.delivery_id, settlements.envelope_id,
            settlements.outcome,
            settlements.is_counted and (not envelopes.is_probe or settlements.outcome in ('delivered', 'reject')),
            settlements.envelope_failed, settlements.status, settlements.retry_after, settlements.error_code, settlements.error
        )::crm_sync.settlement order by settlements.delivery_id), '{}')
        from (
            select distinct on (given.delivery_id, given.envelope_id) given.*
            from unnest(p_settlements) as given
            order by given.delivery_id, given.envelope_id, given.envelope_failed
        ) as settlements
        -- One by one, by the primary key: joined at once, all that is under way was read for each of them.
        cross join lateral (
            select deliveries.envelope_id, deliveries.status
            from crm_sync.deliveries
            where deliveries.delivery_id = settlements.delivery_id
            offset 0
        ) as fence
        join crm_sync.envelopes on envelopes.envelope_id = settlements.envelope_id
        where fence.envelope_id = settlements.envelope_id and fence.status = 'in_flight'
    );
end;
$$;

create function crm_sync._judge(
    p_delivery crm_sync.deliveries, p_destination crm_sync.destinations, p_settlement crm_sync.settlement, p_now timestamptz
)
returns crm_sync.deliveries
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    p_delivery.last_outcome := p_settlement.outcome;
    p_delivery.last_error_code := p_settlement.error_code;
    p_delivery.attempt_count := p_delivery.attempt_count + p_settlement.is_counted::int;
    p_delivery := crm_sync._count_waits(p_delivery, p_settlement, p_now);
    p_delivery.status := case
        when p_settlement.outcome = 'delivered' then 'delivered'
        when p_settlement.outcome = 'reject' then 'dead'
        when p_settlement.envelope_failed and crm_sync._is_poison(p_delivery) then 'dead'
        when p_settlement.is_counted and crm_sync._is_exhausted(
            p_destination.retry_delays, p_delivery.attempt_count, crm_sync._first_attempt_at(p_delivery),
            (select routes.last_delivered_at from crm_sync.routes where routes.route = p_delivery.route))
            then 'dead'
        else 'pending'
    end;
    if p_delivery.status = 'dead' and p_settlement.envelope_failed then
        p_delivery.last_error_code := 'poison';
    end if;
    p_delivery.finished_at := case when p_delivery.status <> 'pending' then p_now end;
    p_delivery.next_attempt_at := case
        when p_delivery.status <> 'pending' then p_delivery.next_attempt_at
        -- It may be a stranger's answer, under an id that was ours before a crash, and our call still on its way.
        when p_settlement.envelope_failed then p_now + greatest(crm_sync._wait_delay(p_delivery.wait_count), interval '20 seconds')
        when p_settlement.outcome = 'misconfigured' then p_now + crm_sync._wait_delay(p_delivery.wait_count)
        -- Once it was held up on its way; again and again the clocks differ.
        when p_settlement.error_code = 'expired' and p_delivery.wait_count > 1
            then p_now + crm_sync._wait_delay(p_delivery.wait_count - 1)
        -- A probe uses up no attempt, but what it was told, or may have done, holds.
        when p_settlement.outcome in ('retry', 'unknown')
            then p_now + crm_sync._delay(p_destination.retry_delays, greatest(p_delivery.attempt_count, 1), p_settlement.outcome,
                                         p_settlement.retry_after, p_destination.max_retry_after)
        else p_now
    end;
    return p_delivery;
end;
$$;

create function crm_sync._count_waits(p_delivery crm_sync.deliveries, p_settlement crm_sync.settlement, p_now timestamptz)
returns crm_sync.deliveries
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_was_alone boolean := p_settlement.envelope_failed and (
        select envelopes.delivery_count = 1 and not envelopes.is_probe
        from crm_sync.envelopes
        where envelopes.envelope_id = p_settlement.envelope_id
    );
begin
    -- What never left, or left no trace, says nothing of how it travels.
    if p_settlement.error_code in ('request_lost', 'taken_back') then
        return p_delivery;
    end if;
    p_delivery.wait_count := case
        when p_settlement.envelope_failed or p_settlement.outcome = 'misconfigured' or p_settlement.error_code = 'expired'
            then p_delivery.wait_count + 1
        else 0
    end;
    p_delivery.envelope_failure_count := case when p_settlement.envelope_failed then p_delivery.envelope_failure_count + 1 else 0 end;
    if not p_settlement.envelope_failed then
        p_delivery.failed_alone_count := 0;
        p_delivery.failed_alone_since := null;
    elsif v_was_alone then
        p_delivery.failed_alone_count := p_delivery.failed_alone_count + 1;
        p_delivery.failed_alone_since := coalesce(p_delivery.failed_alone_since, p_now);
    end if;
    return p_delivery;
end;
$$;

create function crm_sync._first_attempt_at(p_delivery crm_sync.deliveries)
returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Of those that count now: redeliver() begins anew, and what was delivered before it is no evidence.
    return coalesce(
        (
            select attempts.dispatched_at
            from crm_sync.delivery_attempts as attempts
            where attempts.delivery_id = p_delivery.delivery_id and attempts.is_counted
            order by attempts.settled_at desc
            offset greatest(p_delivery.attempt_count - 2, 0)
            limit 1
        ),
        p_delivery.claimed_at);
end;
$$;

create function crm_sync._is_poison(p_delivery crm_sync.deliveries)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Where the platform itself fails now and then, three failures say nothing of the delivery: five others must have been
    -- answered meanwhile, and twenty more for each other one that failed.
    return p_delivery.failed_alone_count >= 3 and (
        select count(*) filter (where others.status = 'answered') >= 5 + 20 * count(*) filter (where others.status = 'failed')
        from crm_sync.envelopes as others
        where others.settled_at >= p_delivery.failed_alone_since
          and others.envelope_id <> all (array(
              select attempts.envelope_id from crm_sync.delivery_attempts as attempts
              where attempts.delivery_id = p_delivery.delivery_id
          ))
          and others.envelope_id is distinct from p_delivery.envelope_id
    );
end;
$$;

create function crm_sync._after_settle(p_delivery_ids bigint[], p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_group record;
begin
    perform crm_sync._note_delivered(p_delivery_ids, p_now);
    -- The older states that a delivered one covers; those that were never read would now read what a dead one did. And
    -- the dead ones that a newer delivery of the row stands for.
    with superseded as materialized (
        select older.delivery_id, older.status, newer.delivery_id as superseded_by
        from crm_sync.deliveries as newer
        cross join lateral (
            select deliveries.delivery_id, deliveries.status, deliveries.covered_by, deliveries.claimed_at
            from crm_sync.deliveries
            where deliveries.row_id = newer.row_id
              and deliveries.table_name = newer.table_name
              and deliveries.route = newer.route
              and deliveries.delivery_id <> newer.delivery_id
            -- Row by row, and by the row's index alone: as a join it was planned as each with each; with a word on the status
            -- in here, all that waits was looked through for each.
            offset 0
        ) as older
        where newer.delivery_id = any (p_delivery_ids)
          and (
              (older.status = 'pending' and older.covered_by = newer.delivery_id
               and (newer.status = 'delivered' or (newer.status = 'dead' and older.claimed_at is null)))
              or (newer.status in ('delivered', 'dead') and older.status = 'dead' and older.delivery_id < newer.delivery_id)
          )
    )
    update crm_sync.deliveries
    set status = 'superseded', superseded_by = superseded.superseded_by, finished_at = p_now, is_parked = false
    from superseded
    -- What an operator has cancelled or sent again meanwhile stays so.
    where deliveries.delivery_id = superseded.delivery_id and deliveries.status = superseded.status;
    perform crm_sync._recapture_mended(p_delivery_ids);
    for v_group in
        select deliveries.destination, array_agg(distinct deliveries.ordering_key) as keys
        from crm_sync.deliveries
        where deliveries.delivery_id = any (p_delivery_ids)
        group by deliveries.destination
    loop
        perform crm_sync._wake_keys(v_group.destination, v_group.keys);
    end loop;
end;
$$;

create function crm_sync._note_delivered(p_delivery_ids bigint[], p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_routes text[] := array(
        select distinct deliveries.route from crm_sync.deliveries
        where deliveries.delivery_id = any (p_delivery_ids) and deliveries.status = 'delivered');
begin
    if v_routes = '{}' then
        return;
    end if;
    -- One that an operator is just pausing or changing hears of the next.
    with free as materialized (
        select routes.route from crm_sync.routes where routes.route = any (v_routes) for no key update skip locked
    )
    update crm_sync.routes set last_delivered_at = p_now from free where routes.route = free.route;
    with free as materialized (
        select destinations.destination from crm_sync.destinations
        where destinations.destination in (select routes.destination from crm_sync.routes where routes.route = any (v_routes))
        for no key update skip locked
    )
    update crm_sync.destinations set last_delivered_at = p_now from free where destinations.destination = free.destination;
end;
$$;

comment on function crm_sync._settle(crm_sync.settlement[], timestamptz) is
    'Writes outcomes into the ledger, one attempt each; returns how many deliveries were settled. Safe to repeat: what is no longer in flight in that envelope is left alone.';
comment on function crm_sync._fenced(crm_sync.settlement[]) is
    'The settlements that may count: of deliveries still in flight in that envelope, one each, a signed answer before a failure.';
comment on function crm_sync._count_waits(crm_sync.deliveries, crm_sync.settlement, timestamptz) is 'Counts tries that use up no attempt, and forgets them after one that does.';
comment on function crm_sync._first_attempt_at(crm_sync.deliveries) is 'When the first of its counted attempts left.';
comment on function crm_sync._is_poison(crm_sync.deliveries) is
    'Alone in three envelopes without a usable answer, while the function answers others: the delivery is at fault.';
comment on function crm_sync._judge(crm_sync.deliveries, crm_sync.destinations, crm_sync.settlement, timestamptz) is
    'The delivery as it stands after an outcome: the state machine, and nothing else.';
comment on function crm_sync._note_delivered(bigint[], timestamptz) is 'Notes when the routes of the delivered ones, and their destinations, last had one taken.';
comment on function crm_sync._after_settle(bigint[], timestamptz) is
    'What a settled delivery changes for others: evidence of its route, superseded older ones, the next of its key.';

revoke all on function crm_sync._settle(crm_sync.settlement[], timestamptz), crm_sync._fenced(crm_sync.settlement[]),
    crm_sync._count_waits(crm_sync.deliveries, crm_sync.settlement, timestamptz), crm_sync._is_poison(crm_sync.deliveries),
    crm_sync._first_attempt_at(crm_sync.deliveries),
    crm_sync._judge(crm_sync.deliveries, crm_sync.destinations, crm_sync.settlement, timestamptz),
    crm_sync._note_delivered(bigint[], timestamptz), crm_sync._after_settle(bigint[], timestamptz) from public;
