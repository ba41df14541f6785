-- Whether this is the server, the timeline and the database on which start() was called. A copy captures, and sends nothing:
-- its rows are somebody's test, and its schedule and secrets came along.

create function crm_sync._server_identity()
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_place text := nullif(current_setting('crm_sync.place', true), '');
begin
    if pg_is_in_recovery() then
        return null;
    end if;
    -- Asked at each commit. Server and database of a session stay, and the first is read from a file: looked up once.
    if v_place is null then
        v_place := format('%s/%%s/%s',
            (select control.system_identifier from pg_control_system() as control),
            (select databases.oid from pg_database as databases where databases.datname = current_database()));
        perform set_config('crm_sync.place', v_place, false);
    end if;
    -- The timeline of what is written now; the control file says that of the last checkpoint, for minutes after a promotion.
    return format(v_place, ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int);
exception when insufficient_privilege then
    return null;
end;
$$;

create function crm_sync._is_a_copy(p_started_on text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(p_started_on <> crm_sync._server_identity(), false);
end;
$$;

comment on function crm_sync._server_identity() is 'Server, timeline and database; null where that may not be asked, and on a standby.';
comment on function crm_sync._is_a_copy(text) is 'Whether start() was called elsewhere; false where nobody knows.';

revoke all on function crm_sync._server_identity(), crm_sync._is_a_copy(text) from public;
