-- What an envelope without a usable answer carried stays in flight for ever.
create or replace function crm_sync._take_unspoken(p_envelope_ids uuid[])
returns crm_sync.settlement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return '{}';
end;
$$;
