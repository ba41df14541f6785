-- More attempts of the same delivery, under its old key. One that no receiver has seen is read from its row again; one
-- that was seen keeps its record. An older state behind a newer delivered one of its row would undo it: refused.

create function crm_sync.redeliver(p_delivery_ids bigint[], p_force boolean default false, p_note text default null)
returns table (delivery_id bigint, redelivered boolean, reason text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    perform crm_sync._lock_keys_waiting(p_delivery_ids);
    return query
    with judged as (
        select ids.delivery_id, crm_sync._refusal_to_redeliver(ids.delivery_id, p_force) as reason
        from (select distinct unnest(p_delivery_ids) as delivery_id) as ids
    ),
    redelivered as (
        update crm_sync.deliveries
        set status = 'pending',
            attempt_count = 0,
            wait_count = 0,
            envelope_failure_count = 0,
            failed_alone_count = 0,
            failed_alone_since = null,
            next_attempt_at = clock_timestamp(),
            is_parked = false,
            finished_at = null,
            covered_by = null,
            claimed_at = case when crm_sync._was_seen(deliveries.delivery_id) then deliveries.claimed_at end
        from judged
        where deliveries.delivery_id = judged.delivery_id and judged.reason is null
        returning deliveries.delivery_id
    ),
    noted as (
        select crm_sync._note_operation(
            'redeliver', jsonb_build_object('delivery_ids', p_delivery_ids, 'force', p_force),
            (select count(*)::int from redelivered), p_note)
    )
    select judged.delivery_id, redelivered.delivery_id is not null, judged.reason
    from judged
    left join redelivered on redelivered.delivery_id = judged.delivery_id
    cross join noted
    order by judged.delivery_id;
end;
$$;

create function crm_sync.redeliver_dead(
    p_route text default null, p_since timestamptz default '-infinity', p_until timestamptz default 'infinity',
    p_count_only boolean default true, p_note text default null
)
returns table (route text, last_error_code text, dead_count bigint, redelivered_count bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    if p_route is not null then
        perform crm_sync._require_route(p_route);
    end if;
    return query
    with dead as (
        select deliveries.delivery_id, deliveries.route, deliveries.last_error_code
        from crm_sync.deliveries
        where deliveries.status = 'dead'
          and (p_route is null or deliveries.route = p_route)
          and deliveries.finished_at >= p_since
          and deliveries.finished_at < p_until
    ),
    redelivered as (
        select results.delivery_id
        from crm_sync.redeliver((select array_agg(dead.delivery_id) from dead), false, p_note) as results
        where not p_count_only and results.redelivered
    )
    select dead.route, dead.last_error_code, count(*), count(redelivered.delivery_id)
    from dead
    left join redelivered on redelivered.delivery_id = dead.delivery_id
    group by dead.route, dead.last_error_code
    order by dead.route, dead.last_error_code;
end;
$$;

create function crm_sync._refusal_to_redeliver(p_delivery_id bigint, p_force boolean)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_delivery crm_sync.deliveries;
begin
    select * into v_delivery from crm_sync.deliveries where deliveries.delivery_id = p_delivery_id;
    return case
        when v_delivery.delivery_id is null then 'no such delivery'
        when v_delivery.status in ('pending', 'in_flight') then 'it is ' || v_delivery.status || ' already'
        when v_delivery.status = 'superseded' then 'superseded by delivery ' || v_delivery.superseded_by
        when v_delivery.record is null and v_delivery.claimed_at is not null and crm_sync._was_seen(p_delivery_id)
            then 'its record is no longer kept; backfill the row instead'
        when not p_force and v_delivery.status = 'delivered' then 'it is delivered already; force sends it again'
        when not p_force and crm_sync._newer_delivered(v_delivery) is not null
            then 'delivery ' || crm_sync._newer_delivered(v_delivery) || ' delivered a newer state of the row; force sends the old one'
    end;
end;
$$;

create function crm_sync._newer_delivered(p_delivery crm_sync.deliveries)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select max(newer.delivery_id)
        from crm_sync.deliveries as newer
        join crm_sync.routes on routes.route = newer.route and routes.kind = 'state'
        where newer.row_id = p_delivery.row_id
          and newer.table_name = p_delivery.table_name
          and newer.route = p_delivery.route
          and newer.delivery_id > p_delivery.delivery_id
          and newer.status = 'delivered'
    );
end;
$$;

create function crm_sync._was_seen(p_delivery_id bigint)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A refusal by the function itself has no receiver's status: nobody outside has seen the record.
    return exists (
        select from crm_sync.delivery_attempts as attempts
        where attempts.delivery_id = p_delivery_id
          and (attempts.status is not null or attempts.outcome in ('delivered', 'retry', 'unknown'))
    );
end;
$$;

create function crm_sync._lock_keys_waiting(p_delivery_ids bigint[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- In the order of the locks' numbers, so that two operators wait for each other instead of deadlocking.
    perform pg_advisory_xact_lock(1129467219, locks.number)
    from (
        select distinct hashtext(deliveries.destination || ' ' || deliveries.ordering_key) & 1023 as number
        from crm_sync.deliveries
        where deliveries.delivery_id = any (p_delivery_ids)
        order by 1
    ) as locks;
end;
$$;

comment on function crm_sync.redeliver(bigint[], boolean, text) is
    'Makes finished deliveries pending again, with all their attempts and their old idempotency key. Returns each id, whether it was redelivered, and if not why. Safe to repeat: what is pending stays so. Role: crm_sync_operator.';
comment on function crm_sync.redeliver_dead(text, timestamptz, timestamptz, boolean, text) is
    'Redelivers what went dead in a span of time, of one route or all. Counts only, unless told p_count_only => false. Role: crm_sync_operator. Error: CS002 unknown route.';
comment on function crm_sync._refusal_to_redeliver(bigint, boolean) is 'Why a delivery is not redelivered; null: it is.';
comment on function crm_sync._newer_delivered(crm_sync.deliveries) is 'A newer delivered one of the same state route and row.';
comment on function crm_sync._was_seen(bigint) is 'Whether a receiver may have seen this delivery.';
comment on function crm_sync._lock_keys_waiting(bigint[]) is 'Takes the locks of these deliveries'' keys, waiting for them: for operators, never for capture or dispatch.';

revoke all on function crm_sync.redeliver(bigint[], boolean, text),
    crm_sync.redeliver_dead(text, timestamptz, timestamptz, boolean, text), crm_sync._refusal_to_redeliver(bigint, boolean),
    crm_sync._newer_delivered(crm_sync.deliveries), crm_sync._was_seen(bigint), crm_sync._lock_keys_waiting(bigint[]) from public;
