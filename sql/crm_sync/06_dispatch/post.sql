-- Hands one envelope to pg_net, which sends it after the commit; a rollback takes it back.

create function crm_sync._post_envelope(
    p_envelope_id uuid, p_destination text, p_delivery_ids bigint[], p_is_probe boolean,
    p_function crm_sync.function_access, p_now timestamptz
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO'
as $$
begin
    insert into crm_sync.envelopes (envelope_id, destination, request_id, delivery_count, is_probe, dispatched_at, lease_until)
    select p_envelope_id,
           p_destination,
           crm_sync._post_signed(
               p_function, p_envelope_id, crm_sync._envelope_body(p_destination, p_delivery_ids, p_is_probe), settings.request_timeout),
           cardinality(p_delivery_ids),
           p_is_probe,
           p_now,
           p_now + settings.lease
    from crm_sync.settings;
end;
$$;

create function crm_sync._post_signed(
    p_function crm_sync.function_access, p_id uuid, p_body jsonb, p_timeout interval
)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return net.http_post(
        url := p_function.url,
        body := p_body,
        headers := crm_sync._signed_headers(p_function, p_id, p_body),
        timeout_milliseconds := (extract(epoch from p_timeout) * 1000)::int);
end;
$$;

create function crm_sync._signed_headers(p_function crm_sync.function_access, p_id uuid, p_body jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_timestamp text := floor(extract(epoch from clock_timestamp()))::text;
begin
    return jsonb_build_object(
        'Content-Type', 'application/json',
        'webhook-id', p_id,
        'webhook-timestamp', v_timestamp,
        'webhook-signature', crm_sync._signatures(p_id::text, v_timestamp, p_body::text, p_function.secrets));
end;
$$;

create function crm_sync._envelope_body(p_destination text, p_delivery_ids bigint[], p_is_probe boolean)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select jsonb_build_object(
            'version', 1,
            'expires_at', (select clock_timestamp() + settings.lease from crm_sync.settings),
            'destination', p_destination,
            'conflict_is_delivered', (
                select destinations.treats_409_as_delivered from crm_sync.destinations
                where destinations.destination = p_destination),
            'deliveries', jsonb_agg(jsonb_build_object(
                'id', deliveries.delivery_id,
                'route', deliveries.route,
                'attempt', deliveries.attempt_count + 1,
                'idempotency_key', deliveries.idempotency_key,
                'ordering_key', deliveries.ordering_key,
                'captured_at', deliveries.captured_at,
                'timeout_ms', case
                when p_is_probe then crm_sync._probe_timeout(p_destination)
                when deliveries.last_error_code = 'receiver_timeout' and deliveries.attempt_count = 1 then 2000
                else 8000
            end,
                'type', deliveries.operation,
                'schema', (parse_ident(deliveries.table_name))[1],
                'table', (parse_ident(deliveries.table_name))[2],
                'record', deliveries.record
            ) order by ids.position)
        )
        from unnest(p_delivery_ids) with ordinality as ids (delivery_id, position)
        join crm_sync.deliveries on deliveries.delivery_id = ids.delivery_id
    );
end;
$$;

create function crm_sync._probe_timeout(p_destination text)
returns int
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Short, because everybody waits for it in pg_net's batch. But a receiver that works slowly must be let in at last:
    -- from the fifth probe in a row, a quarter of an hour after the first.
    return (
        select case when breakers.open_count < 5 then 3000 else 8000 end
        from crm_sync.breakers
        where breakers.breaker = p_destination
    );
end;
$$;

comment on function crm_sync._post_envelope(uuid, text, bigint[], boolean, crm_sync.function_access, timestamptz) is
    'Queues an envelope in pg_net and writes down that it is in flight.';
comment on function crm_sync._post_signed(crm_sync.function_access, uuid, jsonb, interval) is
    'Signs a body and queues it in pg_net for the function; returns pg_net''s id.';
comment on function crm_sync._signed_headers(crm_sync.function_access, uuid, jsonb) is
    'Headers with a signature by the clock of this moment, so that a long transaction sends no stale one.';
comment on function crm_sync._envelope_body(text, bigint[], boolean) is
    'What the function receives: each delivery with its record in the shape of a Database Webhook, in this order.';
comment on function crm_sync._probe_timeout(text) is 'Milliseconds for a probe''s call to the receiver: 3 s, from the fifth in a row on as long as any call.';

revoke all on function crm_sync._probe_timeout(text), crm_sync._post_envelope(uuid, text, bigint[], boolean, crm_sync.function_access, timestamptz),
    crm_sync._post_signed(crm_sync.function_access, uuid, jsonb, interval),
    crm_sync._signed_headers(crm_sync.function_access, uuid, jsonb), crm_sync._envelope_body(text, bigint[], boolean) from public;
