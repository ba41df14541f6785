-- Half-open: one delivery, on another key than the one that failed last if there is one, whatever its schedule says.

create function crm_sync._dispatch_probe(p_destination text, p_capacity crm_sync.capacity, p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_requests int;
    v_key      text := crm_sync._probe_key(p_destination);
begin
    if v_key is null then
        return 0;
    end if;
    v_requests := crm_sync._dispatch_keys(p_destination, array[v_key], p_capacity, p_now);
    if v_requests > 0 then
        update crm_sync.breakers
        set state = 'half_open',
            open_until = null,
            probed_at = p_now,
            probe_envelope_id = (
                select deliveries.envelope_id
                from crm_sync.deliveries
                where deliveries.ordering_key = v_key
                  and deliveries.destination = p_destination
                  and deliveries.status = 'in_flight'
                limit 1
            )
        where breakers.breaker in (p_destination, 'function') and breakers.state = 'open';
    end if;
    return v_requests;
end;
$$;

create function crm_sync._probe_key(p_destination text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(
        crm_sync._key_that_did_not_fail(p_destination, 'infinity'),
        (
            select deliveries.ordering_key
            from crm_sync.deliveries
            where deliveries.destination = p_destination and deliveries.status = 'pending' and not deliveries.is_parked
            order by deliveries.last_error_code is not distinct from 'record_not_built',
                     deliveries.is_backfill, deliveries.next_attempt_at, deliveries.delivery_id
            limit 1
        )
    );
end;
$$;

create function crm_sync._key_that_did_not_fail(p_destination text, p_due_at timestamptz)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- One that could not be read, or waits behind one under way, would stay, and no probe leave.
    return (
        select deliveries.ordering_key
        from crm_sync.deliveries
        where deliveries.destination = p_destination and deliveries.status = 'pending' and not deliveries.is_parked
          and deliveries.next_attempt_at <= p_due_at
          and deliveries.last_error_code is distinct from 'record_not_built'
          and deliveries.ordering_key not in (
              select breakers.last_failed_key
              from crm_sync.breakers
              where breakers.breaker in (p_destination, 'function') and breakers.last_failed_key is not null
          )
          and not exists (
              select from crm_sync.deliveries as ahead
              where ahead.ordering_key = deliveries.ordering_key
                and ahead.destination = deliveries.destination
                and ahead.status = 'in_flight'
          )
        order by deliveries.is_backfill, deliveries.next_attempt_at, deliveries.delivery_id
        limit 1
    );
end;
$$;

comment on function crm_sync._dispatch_probe(text, crm_sync.capacity, timestamptz) is 'Sends one delivery to see whether the receiver, or the function, is back; returns 1, or 0 where there is nothing to send.';
comment on function crm_sync._probe_key(text) is 'The key to probe with: never the one that failed last, unless no other could leave.';
comment on function crm_sync._key_that_did_not_fail(text, timestamptz) is
    'The first key that is due by then and could leave, other than those on which the receiver, or the function, failed last; null: there is none.';

revoke all on function crm_sync._dispatch_probe(text, crm_sync.capacity, timestamptz), crm_sync._probe_key(text),
    crm_sync._key_that_did_not_fail(text, timestamptz) from public;
