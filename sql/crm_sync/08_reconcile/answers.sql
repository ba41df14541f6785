-- Reads one answer of pg_net. It is ours only if it carries our envelope's id and a signature of ours over it; anything
-- else settles nothing. Parsed in a block of its own: pg_net stores invalid bytes and whatever JSON it is given.

create function crm_sync._read_answer(p_envelope_id uuid, p_headers jsonb, p_content text, p_secrets text[])
returns crm_sync.settlement[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_settlements crm_sync.settlement[];
begin
    select array_agg(crm_sync._read_result(p_envelope_id, results.result)) into v_settlements
    from jsonb_array_elements(crm_sync._verified(p_envelope_id, p_headers, p_content, p_secrets) -> 'results') as results (result);
    -- A word that this version does not know, or no delivery: nothing of it can be believed.
    if exists (
        select from unnest(v_settlements) as settlements
        where settlements.delivery_id is null
           or settlements.outcome is null
           or settlements.outcome <> all (array['delivered', 'retry', 'reject', 'misconfigured', 'not_attempted', 'unknown'])
    ) then
        return null;
    end if;
    return v_settlements;
exception when others then
    return null;
end;
$$;

create function crm_sync._verified(p_id uuid, p_headers jsonb, p_content text, p_secrets text[])
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_headers jsonb;
    v_answer  jsonb;
begin
    select jsonb_object_agg(lower(headers.key), headers.value) into v_headers from jsonb_each_text(p_headers) as headers;
    if v_headers ->> 'webhook-id' is distinct from p_id::text
        or not crm_sync._is_signed_by_us(
            p_id::text, v_headers ->> 'webhook-timestamp', v_headers ->> 'webhook-signature', p_content, p_secrets
        ) then
        return null;
    end if;
    v_answer := p_content::jsonb;
    return case when v_answer ->> 'envelope_id' = p_id::text then v_answer end;
exception when others then
    return null;
end;
$$;

create function crm_sync._read_result(p_envelope_id uuid, p_result jsonb)
returns crm_sync.settlement
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select row(
            (p_result ->> 'delivery_id')::bigint,
            p_envelope_id,
            p_result ->> 'outcome',
            p_result ->> 'outcome' in ('delivered', 'retry', 'reject', 'unknown'),
            false,
            (p_result ->> 'status')::int,
            greatest(0, (p_result ->> 'retry_after')::int),
            left(p_result ->> 'error_code', 100),
            left(p_result ->> 'error', 500)
        )::crm_sync.settlement
    );
end;
$$;

comment on function crm_sync._read_answer(uuid, jsonb, text, text[]) is
    'The outcomes in an answer; null unless it is signed by us and about this envelope. Never raises.';
comment on function crm_sync._verified(uuid, jsonb, text, text[]) is
    'An answer''s body, if the function signed it for what was posted under this id; else null. Never raises.';
comment on function crm_sync._read_result(uuid, jsonb) is 'One result of an answer. Misconfigured and not_attempted use up no attempt.';

revoke all on function crm_sync._read_answer(uuid, jsonb, text, text[]), crm_sync._verified(uuid, jsonb, text, text[]),
    crm_sync._read_result(uuid, jsonb) from public;
