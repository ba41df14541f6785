-- How much may leave for a destination now: nothing while stopped, paused, on a copy or behind an open breaker, one delivery as a
-- probe when a breaker is due for one or knows one failing key only, else what the limits leave. Asked at every commit.

create type crm_sync.capacity as (
    requests            int,
    deliveries          int,
    is_probe            boolean,
    at_commit           boolean,
    posts_of_a_session  int
);

comment on type crm_sync.capacity is
    'How many requests, and deliveries in all, may leave now; is_probe: one, to see whether the receiver is back; at_commit: a commit may dispatch, too.';

create function crm_sync._capacity(p_destination text, p_now timestamptz)
returns crm_sync.capacity
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_state record;
begin
    select settings.is_running and not crm_sync._is_a_copy(settings.started_on) and not destinations.is_paused as is_open,
           destinations.rate_per_second is null as has_no_rate,
           settings.max_posts_per_session,
           both_breakers.are_closed,
           both_breakers.are_due_for_probe,
           both_breakers.one_key_fails,
           settings.max_requests_in_flight - in_flight.request_count as requests,
           least(destinations.max_deliveries_in_flight - in_flight.delivery_count, settings.max_deliveries_at_once,
                 case when destinations.rate_per_second is not null then crm_sync._rate_allows(destinations, p_now) end) as deliveries
    into strict v_state
    from crm_sync.settings
    cross join crm_sync.destinations
    cross join lateral (
        -- The destination's own and the function's. Half-open, one lets nothing through.
        select bool_and(breakers.state = 'closed') as are_closed,
               bool_and(breakers.state = 'closed' or (breakers.state = 'open' and breakers.open_until <= p_now)) as are_due_for_probe,
               bool_and(breakers.state = 'closed' or (breakers.state = 'open' and cardinality(breakers.failing_keys) = 1)) as one_key_fails
        from crm_sync.breakers
        where breakers.breaker in (p_destination, 'function')
    ) as both_breakers
    cross join lateral (
        -- A bounded probe of a partial index, never a count of pg_net's queue.
        select count(*)::int as request_count,
               coalesce(sum(ours.delivery_count) filter (where ours.destination = p_destination), 0)::int as delivery_count
        from (
            select envelopes.destination, envelopes.delivery_count
            from crm_sync.envelopes
            where envelopes.status = 'in_flight'
            limit settings.max_requests_in_flight
        ) as ours
    ) as in_flight
    where destinations.destination = p_destination;

    if v_state.is_open and v_state.are_closed and v_state.requests > 0 and v_state.deliveries > 0 then
        return row(v_state.requests, v_state.deliveries, false, v_state.has_no_rate, v_state.max_posts_per_session)::crm_sync.capacity;
    -- One key that always fails says little of the receiver: another one, if due, is sent as the probe at once. If it fails,
    -- too, two keys do, and the breaker keeps its time.
    elsif v_state.is_open and not v_state.are_closed
        and (v_state.are_due_for_probe
             or (v_state.one_key_fails and crm_sync._key_that_did_not_fail(p_destination, p_now) is not null)) then
        return row(1, 1, true, false, 0)::crm_sync.capacity;
    end if;
    return row(0, 0, false, false, 0)::crm_sync.capacity;
end;
$$;

create function crm_sync._rate_allows(p_destination crm_sync.destinations, p_now timestamptz)
returns int
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return floor(crm_sync._rate_tokens(p_destination, p_now))::int;
end;
$$;

create function crm_sync._rate_tokens(p_destination crm_sync.destinations, p_now timestamptz)
returns numeric
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A token bucket that holds two seconds' worth, at least one. Full at first: without a time the sum
    -- is null, and least() takes the other.
    return case when p_destination.rate_per_second is not null then least(
        greatest(1, 2 * p_destination.rate_per_second),
        p_destination.rate_tokens + p_destination.rate_per_second * extract(epoch from p_now - p_destination.rate_at)
    ) end;
end;
$$;

create function crm_sync._hold_rate(p_destination text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Before anything is claimed: whoever is changing the destination would be waited for when the rate is spent.
    if not exists (
        select from crm_sync.destinations
        where destinations.destination = p_destination and destinations.rate_per_second is not null
    ) then
        return true;
    end if;
    perform from crm_sync.destinations where destinations.destination = p_destination for no key update skip locked;
    return found;
end;
$$;

create function crm_sync._spend_rate(p_destination text, p_deliveries int, p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update crm_sync.destinations
    set rate_tokens = crm_sync._rate_tokens(destinations, p_now) - p_deliveries,
        rate_at = p_now
    where destinations.destination = p_destination and destinations.rate_per_second is not null;
end;
$$;

comment on function crm_sync._capacity(text, timestamptz) is 'How much may leave for a destination now.';
comment on function crm_sync._rate_allows(crm_sync.destinations, timestamptz) is 'Deliveries that a destination''s rate allows now; null without a rate.';
comment on function crm_sync._rate_tokens(crm_sync.destinations, timestamptz) is 'What the token bucket of a destination''s rate holds now; null without a rate.';
comment on function crm_sync._hold_rate(text) is 'Locks a destination that has a rate; false: another session holds it.';
comment on function crm_sync._spend_rate(text, int, timestamptz) is 'Takes so many deliveries from a destination''s rate.';

revoke all on function crm_sync._capacity(text, timestamptz),
    crm_sync._rate_allows(crm_sync.destinations, timestamptz), crm_sync._rate_tokens(crm_sync.destinations, timestamptz),
    crm_sync._hold_rate(text), crm_sync._spend_rate(text, int, timestamptz) from public;
