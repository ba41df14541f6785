-- Whether anything can leave for a destination now, in the words of all that people are shown: route_health, trace(),
-- row_status(), test_delivery().

create function crm_sync._destination_state(p_destination text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select case
            when not settings.is_running then 'stopped'
            when crm_sync._is_a_copy(settings.started_on) then 'a copy'
            when destinations.is_paused then 'paused'
            when functions.state <> 'closed' then 'function down'
            when breakers.state <> 'closed' then case when breakers.reason = 'misconfigured' then 'misconfigured' else 'down' end
            else 'open'
        end
        from crm_sync.settings
        cross join crm_sync.destinations
        join crm_sync.breakers on breakers.breaker = destinations.destination
        join crm_sync.breakers as functions on functions.breaker = 'function'
        where destinations.destination = p_destination
    );
end;
$$;

comment on function crm_sync._destination_state(text) is 'stopped, a copy, paused, function down, misconfigured, down, or open; the first that holds.';

revoke all on function crm_sync._destination_state(text) from public;
