-- Requests that pg_net no longer has (its tables are unlogged: a crash empties them), and those that it does not send.
-- Its queue has no index, so that here the tick may read a table from end to end.

create function crm_sync._take_missing(p_envelope_ids uuid[], p_secrets text[], p_now timestamptz)
returns crm_sync.settlement[]
language plpgsql
set search_path = pg_catalog, pg_temp set enable_seqscan = 'on'
as $$
declare
    v_answer      record;
    v_settlements crm_sync.settlement[] := array[]::crm_sync.settlement[];
begin
    if p_envelope_ids is null then
        return v_settlements;
    end if;
    -- Before a request is called lost: by id among all answers, however old.
    for v_answer in
        select envelopes.envelope_id, answers.status_code, answers.headers, answers.content
        from crm_sync.envelopes
        join net._http_response as answers on answers.id = envelopes.request_id
        where envelopes.envelope_id = any (p_envelope_ids)
    loop
        v_settlements := v_settlements || crm_sync._take_answer(
            v_answer.envelope_id, v_answer.status_code, v_answer.headers, v_answer.content, p_secrets, p_now);
    end loop;
    update crm_sync.envelopes
    set status = 'lost', settled_at = p_now
    where envelopes.envelope_id = any (p_envelope_ids) and envelopes.status = 'in_flight';
    return v_settlements || (
        select coalesce(array_agg(row(
            deliveries.delivery_id, deliveries.envelope_id, 'unknown', true, false, null, null, 'request_lost',
            'pg_net holds neither the request nor an answer; it may have arrived'
        )::crm_sync.settlement), '{}')
        from crm_sync.envelopes
        cross join lateral crm_sync._in_flight_of(envelopes.envelope_id) as deliveries
        where envelopes.envelope_id = any (p_envelope_ids)
          and envelopes.status = 'lost'
    );
end;
$$;

create function crm_sync._take_back(p_envelope_id uuid, p_now timestamptz)
returns crm_sync.settlement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if not crm_sync._hold_envelope(p_envelope_id) then
        return array[]::crm_sync.settlement[];
    elsif not crm_sync._withdraw(p_envelope_id) then
        return array[]::crm_sync.settlement[];
    end if;
    update crm_sync.envelopes
    set status = 'taken_back', settled_at = p_now
    where envelopes.envelope_id = p_envelope_id;
    return coalesce(crm_sync._same_for_all(p_envelope_id, 'not_attempted', 'taken_back', 'never left pg_net''s queue'), '{}');
end;
$$;

create function crm_sync._withdraw(p_envelope_id uuid)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp set enable_seqscan = 'on'
as $$
begin
    -- stop() also works where pg_net is gone, and its queue with it: reconcile finds the request lost once there is a new one.
    if to_regclass('net.http_request_queue') is null then
        return false;
    end if;
    -- skip locked: a batch that is running holds the row, and its answer is on the way.
    delete from net.http_request_queue as queue
    where queue.ctid = (
        select candidates.ctid
        from net.http_request_queue as candidates
        join crm_sync.envelopes on envelopes.request_id = candidates.id
        where envelopes.envelope_id = p_envelope_id
          and candidates.headers ->> 'webhook-id' = p_envelope_id::text
        for update of candidates skip locked
    );
    return found;
end;
$$;

create function crm_sync._same_for_all(p_envelope_id uuid, p_outcome text, p_error_code text, p_error text)
returns crm_sync.settlement[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select array_agg(row(
            deliveries.delivery_id, p_envelope_id, p_outcome, false, false, null, null, p_error_code, p_error
        )::crm_sync.settlement)
        from crm_sync._in_flight_of(p_envelope_id) as deliveries
    );
end;
$$;

create function crm_sync._wake_pg_net(p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A lock on its tables, or a restart, makes pg_net's worker sleep until somebody wakes it. What reconcile left in flight
    -- is still queued, or held by somebody.
    if exists (
        select from crm_sync.envelopes
        cross join crm_sync.settings
        where envelopes.status = 'in_flight' and envelopes.dispatched_at < p_now - settings.wake_after
    ) then
        perform net.wake();
    end if;
end;
$$;

comment on function crm_sync._take_missing(uuid[], text[], timestamptz) is
    'Looks once more for the answers of requests that are in neither of pg_net''s tables; what is not found was lost: counted, outcome unknown, sent again under the same key.';
comment on function crm_sync._take_back(uuid, timestamptz) is 'Removes a request from pg_net''s queue, unless it is being sent right now, another session holds what it carries, or there is no queue; no attempt counted.';
comment on function crm_sync._withdraw(uuid) is 'Removes a request from pg_net''s queue; false: it is being sent right now, or not there.';
comment on function crm_sync._same_for_all(uuid, text, text, text) is 'One outcome, not counted, for everything in flight in an envelope.';
comment on function crm_sync._wake_pg_net(timestamptz) is 'Wakes pg_net''s worker when requests of ours wait for longer than settings.wake_after.';

revoke all on function crm_sync._take_missing(uuid[], text[], timestamptz), crm_sync._take_back(uuid, timestamptz), crm_sync._withdraw(uuid),
    crm_sync._same_for_all(uuid, text, text, text), crm_sync._wake_pg_net(timestamptz) from public;
