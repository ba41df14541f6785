-- The one transition into in_flight. The caller holds the keys' locks and the rows; records are read here, in a
-- statement younger than both, and frozen: every attempt of a delivery sends the same body.

create function crm_sync._claim(p_delivery_ids bigint[], p_max_envelopes int, p_claimed_at timestamptz, p_now timestamptz)
returns table (delivery_id bigint, envelope_id uuid, "position" bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    with built as materialized (
        select * from crm_sync._build_records(p_delivery_ids)
    ),
    judged as (
        select ids.position, deliveries.delivery_id, deliveries.ordering_key, deliveries.envelope_failure_count,
               built.record, octet_length(built.record::text) + octet_length(deliveries.ordering_key) + 400 as bytes,
               case
                   when built.delivery_id is null then 'unbuilt'
                   when built.is_gone then 'row_deleted'
                   when built.record is null then 'erased'
                   when octet_length(built.record::text) + octet_length(deliveries.ordering_key) + 400 > settings.max_delivery_bytes then 'too_large'
                   else 'sendable'
               end as verdict
        from unnest(p_delivery_ids) with ordinality as ids (delivery_id, position)
        join crm_sync.deliveries on deliveries.delivery_id = ids.delivery_id
        cross join crm_sync.settings
        left join built on built.delivery_id = ids.delivery_id
    ),
    finished as (
        update crm_sync.deliveries
        set status = case judged.verdict when 'too_large' then 'dead' else 'cancelled' end,
            last_error_code = judged.verdict,
            finished_at = p_now,
            is_parked = false
        from judged
        where deliveries.delivery_id = judged.delivery_id and judged.verdict in ('row_deleted', 'erased', 'too_large')
    ),
    put_off as (
        update crm_sync.deliveries
        set next_attempt_at = p_now + interval '1 minute', last_error_code = 'record_not_built'
        from judged
        where deliveries.delivery_id = judged.delivery_id and judged.verdict = 'unbuilt'
    ),
    sendable as (
        -- Nothing passes one of its key that could not be built.
        select *
        from (
            select judged.*,
                   bool_and(judged.verdict <> 'unbuilt') over (
                       partition by judged.ordering_key order by judged.position) as is_reached
            from judged
        ) as reached
        where reached.verdict = 'sendable' and reached.is_reached
    ),
    packed as (
        select listed.*
        from (
            select array_agg(sendable.delivery_id order by sendable.position) as ids,
                   array_agg(sendable.record order by sendable.position) as records,
                   crm_sync._pack(
                       array_agg(sendable.ordering_key order by sendable.position),
                       array_agg(sendable.bytes order by sendable.position),
                       array_agg(sendable.envelope_failure_count order by sendable.position),
                       (select settings.max_envelope_deliveries from crm_sync.settings),
                       (select settings.max_envelope_bytes from crm_sync.settings),
                       p_max_envelopes) as envelopes
            from sendable
        ) as arrays
        cross join unnest(arrays.ids, arrays.records, arrays.envelopes) with ordinality
            as listed (delivery_id, record, envelope, position)
        where listed.envelope is not null
    ),
    named as (
        select numbers.envelope, gen_random_uuid() as envelope_id
        from (select distinct packed.envelope from packed) as numbers
    )
    update crm_sync.deliveries
    set status = 'in_flight',
        envelope_id = named.envelope_id,
        record = packed.record,
        claimed_at = coalesce(deliveries.claimed_at, p_claimed_at),
        is_parked = false
    from packed
    join named on named.envelope = packed.envelope
    where deliveries.delivery_id = packed.delivery_id
    returning deliveries.delivery_id, deliveries.envelope_id, packed.position;
end;
$$;

comment on function crm_sync._claim(bigint[], int, timestamptz, timestamptz) is
    'Marks deliveries as in flight, in envelopes with ids of their own; cancels those whose row is gone, ends those too large, puts off those whose record can not be built.';

revoke all on function crm_sync._claim(bigint[], int, timestamptz, timestamptz) from public;
