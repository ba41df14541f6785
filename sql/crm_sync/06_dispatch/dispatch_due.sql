-- The tick's dispatch: what is due, live deliveries before backfill, oldest first.

create function crm_sync._dispatch_due(p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_destination text;
    v_capacity    crm_sync.capacity;
    v_keys        text[];
    v_requests    int := 0;
begin
    for v_destination in
        -- Mostly nothing waits: a session that ticks once need not even plan the rest. One row is looked for, not all.
        select destinations.destination
        from crm_sync.destinations
        cross join lateral (
            select from crm_sync.deliveries
            where deliveries.destination = destinations.destination and deliveries.status = 'pending' and not deliveries.is_parked
            limit 1
        ) as waiting
        order by destinations.last_delivered_at nulls first
    loop
        v_capacity := crm_sync._capacity(v_destination, p_now);
        continue when v_capacity.requests = 0 or not crm_sync._hold_rate(v_destination);
        if v_capacity.is_probe then
            v_requests := v_requests + crm_sync._dispatch_probe(v_destination, v_capacity, p_now);
            continue;
        end if;
        v_keys := crm_sync._due_keys(v_destination, v_capacity, p_now);
        continue when v_keys is null;
        v_requests := v_requests + crm_sync._dispatch_keys(v_destination, v_keys, v_capacity, p_now);
        perform crm_sync._park_followers(v_destination, crm_sync._lock_keys(v_destination, v_keys));
    end loop;
    return v_requests;
end;
$$;

create function crm_sync._due_keys(p_destination text, p_capacity crm_sync.capacity, p_now timestamptz)
returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        with capacity as (
            select least(p_capacity.requests * settings.max_envelope_deliveries, p_capacity.deliveries) as deliveries
        from crm_sync.settings
        ),
        due as (
            (
                select deliveries.ordering_key, deliveries.is_backfill, deliveries.next_attempt_at, deliveries.delivery_id
                from crm_sync.deliveries
                where deliveries.destination = p_destination and deliveries.status = 'pending'
                  and not deliveries.is_parked and not deliveries.is_backfill and deliveries.next_attempt_at <= p_now
                order by deliveries.next_attempt_at, deliveries.delivery_id
                limit (select capacity.deliveries from capacity)
            )
            union all
            (
                select deliveries.ordering_key, deliveries.is_backfill, deliveries.next_attempt_at, deliveries.delivery_id
                from crm_sync.deliveries
                where deliveries.destination = p_destination and deliveries.status = 'pending'
                  and not deliveries.is_parked and deliveries.is_backfill and deliveries.next_attempt_at <= p_now
                order by deliveries.next_attempt_at, deliveries.delivery_id
                limit (select capacity.deliveries from capacity)
            )
        )
        select array_agg(keys.ordering_key order by keys.is_backfill, keys.next_attempt_at, keys.delivery_id)
        from (
            select distinct on (due.ordering_key) due.*
            from due
            order by due.ordering_key, due.is_backfill, due.next_attempt_at, due.delivery_id
        ) as keys
    );
end;
$$;

comment on function crm_sync._dispatch_due(timestamptz) is 'Dispatches what is due, destination by destination; returns the number of requests. Part of the tick.';
comment on function crm_sync._due_keys(text, crm_sync.capacity, timestamptz) is 'Keys with something due, the longest waiting first, no more than the capacity allows.';

revoke all on function crm_sync._dispatch_due(timestamptz), crm_sync._due_keys(text, crm_sync.capacity, timestamptz) from public;
