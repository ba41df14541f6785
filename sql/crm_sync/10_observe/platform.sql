-- What the platform says of itself: which parts are there, whether pg_net's worker lives, which server this is.

create function crm_sync._missing_platform()
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select string_agg(parts.name, ', ')
        from (values
            ('pg_net (net.http_post)', to_regprocedure('net.http_post(text, jsonb, jsonb, jsonb, integer)') is not null),
            ('pg_net (net.wake)', to_regprocedure('net.wake()') is not null),
            ('pg_cron (cron.schedule)', to_regprocedure('cron.schedule(text, text, text)') is not null),
            ('Vault (vault.decrypted_secrets)', to_regclass('vault.decrypted_secrets') is not null)
        ) as parts (name, is_there)
        where not parts.is_there
    );
end;
$$;

create function crm_sync._platform_mend()
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select 'create extension pg_net; create extension pg_cron; create extension supabase_vault cascade; on Supabase also under Database → Extensions. '
        'A pg_net that is there without net.wake(): alter extension pg_net update;'
$$;

create function crm_sync._pg_net_is_up()
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- An older pg_net can not be asked.
    if to_regprocedure('net.check_worker_is_up()') is null then
        return null;
    end if;
    perform net.check_worker_is_up();
    return true;
exception when raise_exception then
    return false;
end;
$$;

comment on function crm_sync._missing_platform() is 'The parts of pg_net, pg_cron and Vault that are not there; null: all are.';
comment on function crm_sync._platform_mend() is 'What to do where one of them is not there.';
comment on function crm_sync._pg_net_is_up() is 'Whether pg_net''s worker runs; null: this pg_net can not be asked.';

revoke all on function crm_sync._missing_platform(), crm_sync._platform_mend(), crm_sync._pg_net_is_up() from public;
