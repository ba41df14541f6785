-- Schema extensions as hosted, with the extensions that Postgres itself ships. Schema stand_in holds what the
-- stand-ins need for themselves and hosted Supabase does not have; nobody but the superuser may look into it.

create schema extensions authorization postgres;
grant usage on schema extensions to postgres, anon, authenticated, service_role;

create extension pgcrypto schema extensions;
create extension "uuid-ossp" schema extensions;

create schema stand_in;

-- A row in pg_extension makes `create extension if not exists` and a look at extversion work as they do hosted.
-- There is no control file behind it: drop it or update it and Postgres will say so.
create function stand_in.register_extension(p_name text, p_version text, p_schema regnamespace)
returns void
language plpgsql
set search_path = ''
set allow_system_table_mods = on
as $$
begin
    insert into pg_catalog.pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
    values (
        pg_catalog.pg_nextoid('pg_catalog.pg_extension', 'oid', 'pg_catalog.pg_extension_oid_index'),
        p_name, 10, p_schema, false, p_version
    );
    execute pg_catalog.format('comment on extension %I is %L', p_name, 'stand-in for ' || p_name || ' ' || p_version);
end
$$;

revoke execute on function stand_in.register_extension(text, text, regnamespace) from public;
