-- A request that pg_net no longer has stays in flight for ever.
create or replace function crm_sync._take_missing(p_envelope_ids uuid[], p_secrets text[], p_now timestamptz)
returns crm_sync.settlement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return '{}';
end;
$$;
