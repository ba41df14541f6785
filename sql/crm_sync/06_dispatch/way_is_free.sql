-- Whether a destination may be dispatched to, and with how many requests. Cheap: asked at every commit.

create function crm_sync._may_dispatch(p_destination text)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
    return (
        select settings.is_running and not destinations.is_paused
        from crm_sync.settings
        cross join crm_sync.destinations
        where destinations.destination = p_destination
    );
end;
$$;

create function crm_sync._has_no_rate(p_destination text)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
    return (
        select destinations.rate_per_second is null
        from crm_sync.destinations
        where destinations.destination = p_destination
    );
end;
$$;

create function crm_sync._free_requests(p_destination text)
returns int
language plpgsql
set search_path = ''
as $$
begin
    -- A bounded probe of a partial index, never a count of pg_net's queue.
    return (
        with in_flight as (
            select envelopes.destination, envelopes.delivery_count
            from crm_sync.envelopes
            where envelopes.status = 'in_flight'
            limit (select settings.max_requests_in_flight from crm_sync.settings)
        )
        select greatest(0, least(
            settings.max_requests_in_flight - (select count(*) from in_flight)::int,
            ceil((destinations.max_deliveries_in_flight - coalesce((
                select sum(in_flight.delivery_count) from in_flight where in_flight.destination = p_destination), 0))
                / settings.max_envelope_deliveries::numeric)::int
        ))
        from crm_sync.settings
        cross join crm_sync.destinations
        where destinations.destination = p_destination
    );
end;
$$;

comment on function crm_sync._may_dispatch(text) is 'True while the engine runs and the destination is not paused.';
comment on function crm_sync._has_no_rate(text) is 'True unless the destination has a rate: then the tick alone dispatches for it.';
comment on function crm_sync._free_requests(text) is 'How many more requests may be in flight now, over all destinations and for this one.';

revoke all on function crm_sync._may_dispatch(text), crm_sync._has_no_rate(text), crm_sync._free_requests(text) from public;
