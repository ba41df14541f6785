-- The order within one key. Whoever claims, commit or tick, first takes the key's lock, never waiting; then, in a new
-- statement, looks at what is unfinished on it. 1,024 locks serve all keys: one a key would exhaust the lock table.

create function crm_sync._lock_keys(p_destination text, p_keys text[])
returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_key    text;
    v_locked text[] := array[]::text[];
begin
    foreach v_key in array coalesce(p_keys, '{}') loop
        if pg_try_advisory_xact_lock(1129467219, hashtext(p_destination || ' ' || v_key) & 1023) then
            v_locked := v_locked || v_key;
        end if;
    end loop;
    return v_locked;
end;
$$;

create function crm_sync._queue_of_keys(p_destination text, p_keys text[])
returns table (delivery_id bigint, ordering_key text, step int, next_attempt_at timestamptz, covers bigint[])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- What was attempted stays in front. A contiguous run of one state route and row is led by its newest, which covers
    -- the older ones: while it waits they wait with it, and are tried if it goes dead.
    return query
    with unfinished as (
        select deliveries.delivery_id, deliveries.ordering_key, deliveries.next_attempt_at,
               row_number() over key_order as position,
               routes.kind = 'state'
                   and lead(deliveries.route) over key_order = deliveries.route
                   and lead(deliveries.row_id) over key_order = deliveries.row_id
                   and lead(deliveries.table_name) over key_order = deliveries.table_name as has_newer_state,
               bool_or(deliveries.status = 'in_flight') over (partition by deliveries.ordering_key) as is_under_way
        from crm_sync.deliveries
        join crm_sync.routes on routes.route = deliveries.route
        where deliveries.ordering_key = any (p_keys)
          and deliveries.destination = p_destination
          and deliveries.status in ('pending', 'in_flight')
          and (deliveries.covered_by is null or coalesce((
              select coverers.status not in ('pending', 'in_flight')
              from crm_sync.deliveries as coverers
              where coverers.delivery_id = deliveries.covered_by
          ), true))
        window key_order as (
            partition by deliveries.ordering_key
            order by deliveries.claimed_at nulls last, deliveries.delivery_id
        )
    ),
    stepped as (
        select unfinished.*,
               1 + count(*) filter (where unfinished.has_newer_state is not true) over (
                   partition by unfinished.ordering_key order by unfinished.position
                   rows between unbounded preceding and 1 preceding) as step
        from unfinished
        where not unfinished.is_under_way
    )
    select max(stepped.delivery_id) filter (where stepped.has_newer_state is not true),
           stepped.ordering_key,
           stepped.step::int,
           max(stepped.next_attempt_at) filter (where stepped.has_newer_state is not true),
           array_agg(stepped.delivery_id) filter (where stepped.has_newer_state)
    from stepped
    group by stepped.ordering_key, stepped.step;
end;
$$;

create function crm_sync._claimable(p_destination text, p_keys text[], p_now timestamptz)
returns table (delivery_id bigint, "position" bigint, covers bigint[])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_only bigint;
begin
    -- At most commits one delivery is all there is: two small statements for what a queue of many takes windows for.
    if cardinality(p_keys) = 1 then
        select case when count(*) = 1 then min(first.delivery_id) end into v_only
        from (
            select deliveries.delivery_id
            from crm_sync.deliveries
            where deliveries.ordering_key = p_keys[1]
              and deliveries.destination = p_destination
              and deliveries.status in ('pending', 'in_flight')
            limit 2
        ) as first;
        if v_only is not null then
            return query
            select deliveries.delivery_id, 1::bigint, null::bigint[]
            from crm_sync.deliveries
            where deliveries.delivery_id = v_only
              and deliveries.status = 'pending'
              and deliveries.next_attempt_at <= p_now
            for no key update skip locked;
            return;
        end if;
    end if;
    -- Rows that another session holds locked end their key's turn: what follows must not overtake them.
    return query
    with queue as materialized (
        select * from crm_sync._queue_of_keys(p_destination, p_keys)
    ),
    locked as materialized (
        select deliveries.delivery_id
        from crm_sync.deliveries
        where deliveries.delivery_id in (select queue.delivery_id from queue where queue.next_attempt_at <= p_now)
        for no key update skip locked
    ),
    reachable as (
        select queue.*,
               bool_and(locked.delivery_id is not null) over (partition by queue.ordering_key order by queue.step) as is_free
        from queue
        left join locked on locked.delivery_id = queue.delivery_id
    )
    select reachable.delivery_id,
           row_number() over (order by keys.position, reachable.step),
           reachable.covers
    from reachable
    join unnest(p_keys) with ordinality as keys (key, position) on keys.key = reachable.ordering_key
    where reachable.is_free;
end;
$$;

create function crm_sync._park_followers(p_destination text, p_keys text[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Only the one in front of each key stays visible. The caller holds the keys' locks and is the tick, which settles, too:
    -- or what is in front might be cancelled or settled meanwhile and nobody wake the rest. What somebody holds stays as it
    -- is until the next tick that meets it.
    with moved as materialized (
        select waiting.delivery_id
        from crm_sync.deliveries as waiting
        where waiting.ordering_key = any (p_keys)
          and waiting.destination = p_destination
          and waiting.status = 'pending'
          and waiting.is_parked = (
              waiting.delivery_id in (
                  select queue.delivery_id from crm_sync._queue_of_keys(p_destination, p_keys) as queue where queue.step = 1
              )
          )
        for no key update skip locked
    )
    update crm_sync.deliveries
    set is_parked = not deliveries.is_parked
    from moved
    where deliveries.delivery_id = moved.delivery_id;
end;
$$;

create function crm_sync._wake_keys(p_destination text, p_keys text[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Any visible row brings its key before the tick, which looks at the whole key and parks again. So it needs no lock,
    -- a few rows suffice, and those that an operator is changing are passed over.
    -- Materialized: as a join's inner side the subquery would be asked again, and lock the next ones each time.
    with woken as materialized (
        select waiting.delivery_id
        from unnest(p_keys) as keys (key)
        cross join lateral (
            select parked.delivery_id
            from crm_sync.deliveries as parked
            where parked.ordering_key = keys.key
              and parked.destination = p_destination
              and parked.status = 'pending'
              and parked.is_parked
            order by parked.delivery_id
            limit 10
            for no key update skip locked
        ) as waiting
    )
    update crm_sync.deliveries
    set is_parked = false
    from woken
    where deliveries.delivery_id = woken.delivery_id;
end;
$$;

create function crm_sync._wake_forgotten_keys()
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_forgotten record;
    v_count     int := 0;
begin
    -- Whoever takes out what is in front wakes the rest; unless another session just then held their rows and rolled back.
    for v_forgotten in
        select hidden.destination, array_agg(hidden.ordering_key) as keys
        from (
            select distinct deliveries.destination, deliveries.ordering_key
            from crm_sync.deliveries
            where deliveries.status = 'pending' and deliveries.is_parked
        ) as hidden
        where not exists (
            select from crm_sync.deliveries as ahead
            where ahead.ordering_key = hidden.ordering_key
              and ahead.destination = hidden.destination
              and ahead.status in ('pending', 'in_flight')
              and not ahead.is_parked
        )
        group by hidden.destination
    loop
        perform crm_sync._wake_keys(v_forgotten.destination, v_forgotten.keys);
        v_count := v_count + cardinality(v_forgotten.keys);
    end loop;
    return v_count;
end;
$$;

comment on function crm_sync._lock_keys(text, text[]) is
    'Takes the locks of these keys until the end of the transaction, without waiting; returns the keys that it got.';
comment on function crm_sync._queue_of_keys(text, text[]) is
    'The deliveries of each key in the order in which they may leave; nothing for a key with one under way.';
comment on function crm_sync._claimable(text, text[], timestamptz) is
    'Deliveries that may leave now, key by key, their rows locked; with the older states that each one covers. The caller holds the keys'' locks.';
comment on function crm_sync._park_followers(text, text[]) is 'Hides from the tick what waits behind another delivery of its key, and shows what no longer does.';
comment on function crm_sync._wake_keys(text, text[]) is 'Makes these keys visible to the tick again, after one of their deliveries was settled or taken out.';
comment on function crm_sync._wake_forgotten_keys() is
    'Shows the tick the keys of which everything is hidden; returns how many. Scheduled by start(), every ten minutes. Safe to repeat.';

revoke all on function crm_sync._wake_forgotten_keys(), crm_sync._lock_keys(text, text[]), crm_sync._queue_of_keys(text, text[]),
    crm_sync._claimable(text, text[], timestamptz), crm_sync._park_followers(text, text[]), crm_sync._wake_keys(text, text[]) from public;
