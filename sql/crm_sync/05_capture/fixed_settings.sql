-- How values become text, whatever the settings of the session that writes or of the tick that reads: one spelling, or what is
-- equal would count as changed. And what reads an application's tables says row_security = 'off' beside them: a row that a policy
-- hides is no row that is gone, so it raises.

create function crm_sync._pins_sql()
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select $sql$set timezone = 'UTC' set datestyle = 'ISO' set intervalstyle = 'postgres'
set extra_float_digits = '1' set bytea_output = 'hex'$sql$
$$;

comment on function crm_sync._pins_sql() is
    'The settings by which values become text in records, row ids and keys, whatever the session''s are: for each function that makes such text, or compares with it.';

revoke all on function crm_sync._pins_sql() from public;
