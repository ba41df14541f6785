-- Which release this is: package.json has the same, and a check compares them.

create function crm_sync.version()
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select '0.3.1'
$$;

comment on function crm_sync.version() is 'The installed release of crm-sync. Roles: crm_sync_reader, crm_sync_operator.';

revoke all on function crm_sync.version() from public;
grant execute on function crm_sync.version() to crm_sync_reader, crm_sync_operator;
