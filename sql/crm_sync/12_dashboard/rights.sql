-- Who may use the dashboard's functions: a signed-in administrator by their token's claim, and the server's own key.

create function crm_sync._is_administrator()
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_settings crm_sync.settings;
    v_claim    jsonb;
begin
    -- The caller's role, whoever's rights this runs with: the data API sets it for each call.
    if current_setting('role') = 'service_role' then
        return true;
    end if;
    select * into strict v_settings from crm_sync.settings;
    v_claim := nullif(current_setting('request.jwt.claims', true), '')::jsonb #> v_settings.administrator_claim;
    return current_setting('role') = 'authenticated' and coalesce(case jsonb_typeof(v_claim)
        when 'string' then v_claim #>> '{}' = any (v_settings.administrator_roles)
        when 'array' then v_claim ?| v_settings.administrator_roles
    end, false);
end;
$$;

create function crm_sync._require_administrator()
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if not crm_sync._is_administrator() then
        raise exception 'only an administrator may do this'
            using errcode = '42501',
                  hint = format('The signed-in person''s token must say so at %s (crm_sync.settings.administrator_claim, administrator_roles).',
                                (select array_to_string(settings.administrator_claim, '.') from crm_sync.settings));
    end if;
end;
$$;

create function crm_sync._attached_table(p_table text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name text;
begin
    select attached.table_name into v_table_name
    from crm_sync._attached_tables() as attached (table_name)
    where attached.table_name in (p_table, 'public.' || p_table, 'public.' || quote_ident(p_table))
    order by attached.table_name = p_table desc
    limit 1;
    if v_table_name is null then
        raise exception 'nothing is captured from "%"', p_table
            using errcode = 'CS023',
                  hint = format('attached tables: %s', array_to_string(array(select * from crm_sync._attached_tables()), ', '));
    end if;
    return v_table_name;
end;
$$;

comment on function crm_sync._is_administrator() is
    'Whether the caller''s token names an administrator (settings.administrator_claim), or they hold the server''s key.';
comment on function crm_sync._require_administrator() is 'Raises 42501 unless the caller is an administrator.';
comment on function crm_sync._attached_table(text) is 'The full name of an attached table, given with or without public. Raises CS023 unless there is one.';

revoke all on function crm_sync._is_administrator(), crm_sync._require_administrator(), crm_sync._attached_table(text) from public;

-- Administrators call these and nothing else in crm_sync. A Postgres without Supabase's data API has none of the three roles.
do $$
declare
    v_public constant text := 'public.crm_sync_deliveries(text, text, text, bigint, int), public.crm_sync_row_status(text, text), '
        'public.crm_sync_redeliver(bigint[], text, text, text), public.crm_sync_health()';
    v_behind constant text := 'crm_sync.dashboard_deliveries(text, text, text, bigint, int), crm_sync.dashboard_row_status(text, text), '
        'crm_sync.dashboard_redeliver(bigint[], text, text, text), crm_sync.dashboard_health()';
    v_role   text;
begin
    foreach v_role in array array['anon', 'authenticated', 'service_role'] loop
        continue when to_regrole(v_role) is null;
        -- The platform gives each new function of public to all three.
        execute format('revoke all on function %s from %I', v_public, v_role);
        continue when v_role = 'anon';
        execute format('grant usage on schema crm_sync to %I', v_role);
        execute format('grant execute on function %s, %s to %I', v_public, v_behind, v_role);
    end loop;
end
$$;
