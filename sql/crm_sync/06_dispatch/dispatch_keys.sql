-- Claim → record → sign → post, for given keys of one destination. Called at commit and by the tick.
-- Lock order: keys (advisory, never waited for), then rows of deliveries (skip locked).

create function crm_sync._dispatch_keys(
    p_destination text, p_keys text[], p_capacity crm_sync.capacity, p_now timestamptz default clock_timestamp()
)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_function     crm_sync.function_access := crm_sync._required_function_access();
    v_keys         text[];
    v_claimed_at   timestamptz;
    v_delivery_ids bigint[];
    v_covers       jsonb;
    v_envelope     record;
    v_requests     int := 0;
    v_deliveries   int := 0;
begin
    v_keys := crm_sync._lock_keys(p_destination, p_keys);
    -- A new statement, hence a new snapshot: it sees what the last holder of a key's lock committed.
    -- A probe waits for no schedule.
    select array_agg(claimable.delivery_id order by claimable.position),
           jsonb_object_agg(claimable.delivery_id, claimable.covers) filter (where claimable.covers is not null)
    into v_delivery_ids, v_covers
    from crm_sync._claimable(p_destination, v_keys, case when p_capacity.is_probe then 'infinity' else p_now end) as claimable
    where claimable.position <= p_capacity.deliveries;
    if v_delivery_ids is null then
        return 0;
    end if;
    -- Taken before the records are read: claimed_at is never later than the snapshot behind a record.
    v_claimed_at := clock_timestamp();
    for v_envelope in
        select claimed.envelope_id, array_agg(claimed.delivery_id order by claimed.position) as delivery_ids
        from crm_sync._claim(v_delivery_ids, p_capacity.requests, v_claimed_at, p_now) as claimed
        group by claimed.envelope_id
        order by min(claimed.position)
    loop
        perform crm_sync._post_envelope(
            v_envelope.envelope_id, p_destination, v_envelope.delivery_ids, p_capacity.is_probe, v_function, p_now);
        v_requests := v_requests + 1;
        v_deliveries := v_deliveries + cardinality(v_envelope.delivery_ids);
    end loop;
    if v_covers is not null then
        perform crm_sync._cover(v_covers);
    end if;
    -- The claim may have set some aside: what waited behind them is in front now. Shown, never hidden: while a commit hides
    -- what waits behind one under way, a tick may settle that one and see nothing yet to wake.
    if v_deliveries < cardinality(v_delivery_ids) then
        -- One too large for a request is dead for all states of its row that would read the same.
        perform crm_sync._after_settle(array(
            select deliveries.delivery_id from crm_sync.deliveries
            where deliveries.delivery_id = any (v_delivery_ids) and deliveries.status = 'dead'), p_now);
        perform crm_sync._wake_keys(p_destination, v_keys);
    end if;
    -- A destination with a limit per second is the tick's alone.
    if not p_capacity.at_commit then
        perform crm_sync._spend_rate(p_destination, v_deliveries, p_now);
    end if;
    return v_requests;
end;
$$;

create function crm_sync._cover(p_covers jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update crm_sync.deliveries
    set covered_by = leaders.delivery_id
    from jsonb_each(p_covers) as covers (leader, ids)
    join crm_sync.deliveries as leaders on leaders.delivery_id = covers.leader::bigint and leaders.status in ('in_flight', 'dead')
    cross join jsonb_array_elements_text(covers.ids) as covered (delivery_id)
    -- What one of them covered before is covered by the newest, too.
    where deliveries.delivery_id = covered.delivery_id::bigint
       or (deliveries.covered_by = covered.delivery_id::bigint
           and deliveries.ordering_key = leaders.ordering_key and deliveries.status = 'pending');
end;
$$;

comment on function crm_sync._dispatch_keys(text, text[], crm_sync.capacity, timestamptz) is
    'Claims what may leave on these keys and posts it, within the capacity; returns the number of requests. CS010: Vault is not set up; everything waits.';
comment on function crm_sync._cover(jsonb) is 'Notes on older states of a run by which newer one, now in flight, they will be superseded.';

revoke all on function crm_sync._dispatch_keys(text, text[], crm_sync.capacity, timestamptz), crm_sync._cover(jsonb) from public;
