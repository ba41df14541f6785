-- A wrong key or address counts like any failure.
create or replace function crm_sync._read_result(p_envelope_id uuid, p_result jsonb)
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
            p_result ->> 'outcome' in ('delivered', 'retry', 'reject', 'unknown', 'misconfigured'),
            false,
            (p_result ->> 'status')::int,
            greatest(0, (p_result ->> 'retry_after')::int),
            left(p_result ->> 'error_code', 100),
            left(p_result ->> 'error', 500)
        )::crm_sync.settlement
    );
end;
$$;
