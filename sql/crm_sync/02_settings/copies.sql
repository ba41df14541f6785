-- Whether this is the server, the timeline and the database on which start() was called. A copy captures, and sends nothing:
-- its rows are somebody's test, and its schedule and secrets came along.

create function crm_sync._server_identity()
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A copy made by dump is another server or database; one made of files goes on in another timeline.
    return format('%s/%s/%s',
        (select control.system_identifier from pg_control_system() as control),
        (select control.timeline_id from pg_control_checkpoint() as control),
        (select databases.oid from pg_database as databases where databases.datname = current_database()));
exception when insufficient_privilege then
    return null;
end;
$$;

create function crm_sync._is_a_copy(p_started_on text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_here text := nullif(current_setting('crm_sync.server', true), '');
begin
    -- Asked at each commit; a session does not move, so it looks once.
    if v_here is null then
        v_here := crm_sync._server_identity();
        perform set_config('crm_sync.server', v_here, false);
    end if;
    return coalesce(p_started_on <> v_here, false);
end;
$$;

comment on function crm_sync._server_identity() is 'Server, timeline and database; null where that may not be asked.';
comment on function crm_sync._is_a_copy(text) is 'Whether start() was called elsewhere; false where nobody knows.';

revoke all on function crm_sync._server_identity(), crm_sync._is_a_copy(text) from public;
