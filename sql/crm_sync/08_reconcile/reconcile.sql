-- Matches our requests in flight with pg_net's queue and answers. In one snapshot a live request is in one of the two;
-- in neither it is lost. As two statements this would misjudge: the worker may commit in between.

create function crm_sync._reconcile(p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_secrets     text[];
    v_request     record;
    v_settlements crm_sync.settlement[] := array[]::crm_sync.settlement[];
    v_closed      uuid[];
    v_missing     uuid[];
begin
    if not exists (select from crm_sync.envelopes where envelopes.status = 'in_flight') then
        return crm_sync._settle('{}', p_now);
    end if;
    v_secrets := (crm_sync._function_access()).secrets;
    for v_request in select * from crm_sync._requests_in_flight() loop
        if v_request.is_queued then
            if v_request.lease_until <= p_now then
                v_settlements := v_settlements || crm_sync._take_back(v_request.envelope_id, p_now);
            end if;
        elsif not crm_sync._hold_envelope(v_request.envelope_id) then
            continue;
        elsif v_request.is_answered then
            v_settlements := v_settlements || crm_sync._take_answer(
                v_request.envelope_id, v_request.status_code, v_request.headers, v_request.content, v_secrets, p_now);
            v_closed := v_closed || v_request.envelope_id;
        else
            v_missing := v_missing || v_request.envelope_id;
        end if;
    end loop;
    v_settlements := v_settlements || crm_sync._take_missing(v_missing, v_secrets, p_now);
    v_settlements := v_settlements || crm_sync._take_unspoken(v_closed || v_missing);
    perform crm_sync._wake_pg_net(p_now);
    return crm_sync._settle(v_settlements, p_now);
end;
$$;

create function crm_sync._requests_in_flight()
returns table (
    envelope_id uuid, lease_until timestamptz, is_queued boolean, is_answered boolean,
    status_code int, headers jsonb, content text
)
language plpgsql
-- pg_net's queue has no index: it is read from end to end, and once, however few in flight the statistics promise.
set search_path = pg_catalog, pg_temp set enable_seqscan = 'on' set enable_nestloop = 'off'
as $$
begin
    -- An answer's created is the start of pg_net's batch, which can lie before our dispatch; it is the one indexed column.
    return query
    with in_flight as materialized (
        select envelopes.* from crm_sync.envelopes where envelopes.status = 'in_flight'
    )
    select in_flight.envelope_id, in_flight.lease_until, queue.id is not null, answers.id is not null,
           answers.status_code, answers.headers, answers.content
    from in_flight
    left join net.http_request_queue as queue
      on queue.id = in_flight.request_id
     and queue.headers ->> 'webhook-id' = in_flight.envelope_id::text
    left join net._http_response as answers
      on answers.id = in_flight.request_id
     and queue.id is null
     and answers.created >= (select min(oldest.dispatched_at) from in_flight as oldest) - interval '10 minutes';
end;
$$;

create function crm_sync._take_answer(
    p_envelope_id uuid, p_status_code int, p_headers jsonb, p_content text, p_secrets text[], p_now timestamptz
)
returns crm_sync.settlement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_settlements crm_sync.settlement[] := crm_sync._read_answer(p_envelope_id, p_headers, p_content, p_secrets);
begin
    -- A forged answer may stand beside the true one: only one that is signed closes the envelope at once.
    update crm_sync.envelopes
    set status = case when v_settlements is null then 'failed' else 'answered' end,
        http_status = p_status_code,
        settled_at = p_now
    where envelopes.envelope_id = p_envelope_id
      and (envelopes.status = 'in_flight' or (envelopes.status = 'failed' and v_settlements is not null));
    return coalesce(v_settlements, '{}');
end;
$$;

create function crm_sync._take_unspoken(p_envelope_ids uuid[])
returns crm_sync.settlement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Of an envelope that failed everything, of one that was answered what the answer leaves out. No attempt counted.
    return (
        select coalesce(array_agg(row(
            deliveries.delivery_id, deliveries.envelope_id, 'unknown', false, true, null, null, 'no_usable_answer',
            case
                when envelopes.status = 'answered' then 'the function''s answer leaves this delivery out'
                when envelopes.http_status is null then 'no answer from the function'
                else 'HTTP ' || envelopes.http_status || ', not signed by the function'
            end
        )::crm_sync.settlement), '{}')
        from crm_sync.envelopes
        cross join lateral crm_sync._in_flight_of(envelopes.envelope_id) as deliveries
        where envelopes.envelope_id = any (p_envelope_ids)
    );
end;
$$;

create function crm_sync._in_flight_of(p_envelope_id uuid)
returns table (delivery_id bigint, envelope_id uuid)
language plpgsql
stable
rows 20
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Asked envelope by envelope, by the index: as a join it was planned as each with each.
    return query
    select deliveries.delivery_id, deliveries.envelope_id
    from crm_sync.deliveries
    where deliveries.envelope_id = p_envelope_id and deliveries.status = 'in_flight';
end;
$$;

comment on function crm_sync._reconcile(timestamptz) is 'Settles what pg_net has answered, lost or kept too long; returns how many deliveries. Part of the tick.';
comment on function crm_sync._requests_in_flight() is 'Each request of ours in flight, beside pg_net''s queue and answers, in one snapshot.';
comment on function crm_sync._take_answer(uuid, int, jsonb, text, text[], timestamptz) is 'Closes an answered envelope: answered if the answer is ours, else failed; its outcomes.';
comment on function crm_sync._take_unspoken(uuid[]) is 'Settlements for what no usable answer speaks of in these closed envelopes; settle prefers the answer''s.';
comment on function crm_sync._in_flight_of(uuid) is 'What of an envelope is still in flight.';

revoke all on function crm_sync._in_flight_of(uuid), crm_sync._reconcile(timestamptz), crm_sync._requests_in_flight(),
    crm_sync._take_answer(uuid, int, jsonb, text, text[], timestamptz), crm_sync._take_unspoken(uuid[]) from public;
