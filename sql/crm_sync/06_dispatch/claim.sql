-- The one transition into in_flight. The caller holds the keys' locks and the rows; records are read here, in a
-- statement younger than both, and frozen: every attempt of a delivery has the same.

create type crm_sync.judged as (
    position                bigint,
    delivery_id             bigint,
    ordering_key            text,
    envelope_failure_count  int,
    record                  jsonb,
    bytes                   int,
    verdict                 text
);

comment on type crm_sync.judged is 'A delivery about to be claimed, its record, its bytes in a request body, and whether it can be sent.';

create function crm_sync._claim(p_delivery_ids bigint[], p_max_envelopes int, p_claimed_at timestamptz, p_now timestamptz)
returns table (delivery_id bigint, envelope_id uuid, "position" bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_snapshot  pg_snapshot := pg_current_snapshot();
    v_judged    crm_sync.judged[];
    v_one       crm_sync.judged;
    v_envelopes int[];
    v_names     uuid[];
begin
    v_judged := crm_sync._judge_sendable(p_delivery_ids);
    foreach v_one in array v_judged loop
        if v_one.verdict <> 'sendable' then
            perform crm_sync._set_aside(v_judged, p_now);
            v_judged := crm_sync._sendable(v_judged);
            exit;
        end if;
    end loop;
    v_envelopes := crm_sync._pack_judged(v_judged, p_max_envelopes);
    for i in 1 .. p_max_envelopes loop
        v_names[i] := gen_random_uuid();
    end loop;
    return query
    update crm_sync.deliveries
    set status = 'in_flight',
        envelope_id = v_names[packed.envelope],
        record = packed.record,
        claimed_at = coalesce(deliveries.claimed_at, p_claimed_at),
        claimed_snapshot = case when deliveries.claimed_at is null then v_snapshot else deliveries.claimed_snapshot end,
        covered_by = null,
        is_parked = false
    from (
        select judged.delivery_id, judged.record, judged.position, v_envelopes[judged.place] as envelope
        from unnest(v_judged) with ordinality as judged (
            position, delivery_id, ordering_key, envelope_failure_count, record, bytes, verdict, place)
    ) as packed
    where deliveries.delivery_id = packed.delivery_id
      and packed.envelope is not null
    returning deliveries.delivery_id, deliveries.envelope_id, packed.position;
end;
$$;

create function crm_sync._judge_sendable(p_delivery_ids bigint[])
returns crm_sync.judged[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select array_agg(row(
            ids.position, sized.delivery_id, coalesce(built.ordering_key, sized.ordering_key), sized.envelope_failure_count,
            built.record, sized.bytes,
            case
                when built.delivery_id is null then 'unbuilt'
                when built.is_gone then 'row_deleted'
                when built.record is null then 'erased'
                when built.ordering_key <> sized.ordering_key then 'key_changed'
                when sized.bytes > (select settings.max_delivery_bytes from crm_sync.settings) then 'too_large'
                else 'sendable'
            end
        )::crm_sync.judged order by ids.position)
        from unnest(p_delivery_ids) with ordinality as ids (delivery_id, position)
        left join crm_sync._build_records(p_delivery_ids) as built on built.delivery_id = ids.delivery_id
        cross join lateral (
            select deliveries.delivery_id, deliveries.ordering_key, deliveries.envelope_failure_count,
                   octet_length(built.record::text) + octet_length(deliveries.ordering_key) + crm_sync._bytes_around_record() as bytes
            from crm_sync.deliveries
            where deliveries.delivery_id = ids.delivery_id
        ) as sized
    );
end;
$$;

create function crm_sync._bytes_around_record()
returns int
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    -- What stands around it in the body, but for its key: 340 bytes, and the names of table and route.
    select 400
$$;

create function crm_sync._set_aside(p_judged crm_sync.judged[], p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update crm_sync.deliveries
    set status = case when judged.verdict in ('unbuilt', 'key_changed') then 'pending' when judged.verdict = 'too_large' then 'dead' else 'cancelled' end,
        last_error_code = case judged.verdict when 'unbuilt' then 'record_not_built' when 'key_changed' then deliveries.last_error_code else judged.verdict end,
        next_attempt_at = case judged.verdict when 'unbuilt' then p_now + interval '1 minute' * (0.5 + random()) else deliveries.next_attempt_at end,
        ordering_key = judged.ordering_key,
        finished_at = case when judged.verdict not in ('unbuilt', 'key_changed') then p_now end,
        is_parked = false
    from unnest(p_judged) as judged
    where deliveries.delivery_id = judged.delivery_id and judged.verdict <> 'sendable';
end;
$$;

create function crm_sync._sendable(p_judged crm_sync.judged[])
returns crm_sync.judged[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Nothing passes one of its key that could not be built.
    return array(
        select reached.judged
        from (
            select judged, judged.verdict, judged.position,
                   bool_and(judged.verdict <> 'unbuilt') over (
                       partition by judged.ordering_key order by judged.position) as is_reached
            from unnest(p_judged) as judged
        ) as reached
        where reached.verdict = 'sendable' and reached.is_reached
        order by reached.position
    );
end;
$$;

create function crm_sync._pack_judged(p_judged crm_sync.judged[], p_max_envelopes int)
returns int[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if cardinality(p_judged) = 1 then
        return array[1];
    end if;
    return (
        select crm_sync._pack(
            array_agg(judged.ordering_key order by judged.position),
            array_agg(judged.bytes order by judged.position),
            array_agg(judged.envelope_failure_count order by judged.position),
            (select settings.max_envelope_deliveries from crm_sync.settings),
            (select settings.max_envelope_bytes from crm_sync.settings),
            p_max_envelopes)
        from unnest(p_judged) as judged
    );
end;
$$;

comment on function crm_sync._claim(bigint[], int, timestamptz, timestamptz) is
    'Marks deliveries as in flight, in envelopes with ids of their own; sets aside those that can not be sent.';
comment on function crm_sync._judge_sendable(bigint[]) is 'Reads the records and judges, in the order of the list, what can be sent.';
comment on function crm_sync._bytes_around_record() is 'By how many bytes a delivery is larger than its record and key together. A constant, put in when the claim is planned.';
comment on function crm_sync._set_aside(crm_sync.judged[], timestamptz) is
    'Cancels what has no row any more or was erased, ends what is too large for a request, puts off what could not be read, moves what tells of another key by now to that key.';
comment on function crm_sync._sendable(crm_sync.judged[]) is 'Those that can be sent and do not stand behind one of their key that could not be read.';
comment on function crm_sync._pack_judged(crm_sync.judged[], int) is 'The envelope of each, within the settings; null: not this time.';

revoke all on function crm_sync._claim(bigint[], int, timestamptz, timestamptz), crm_sync._judge_sendable(bigint[]),
    crm_sync._bytes_around_record(), crm_sync._set_aside(crm_sync.judged[], timestamptz), crm_sync._sendable(crm_sync.judged[]),
    crm_sync._pack_judged(crm_sync.judged[], int) from public;
