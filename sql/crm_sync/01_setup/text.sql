-- The one rule on blank text, for conditions in attach(): empty or white space is no value (contract, "Payloads").

create function crm_sync.is_present(p_text text)
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return btrim(coalesce(p_text, ''), e' \t\n\r\f\u000b\u00a0') <> '';
end;
$$;

comment on function crm_sync.is_present(text) is
    'True when the text holds more than white space (also U+00A0). For conditions given to attach(). Immutable, safe to repeat.';

revoke all on function crm_sync.is_present(text) from public;
