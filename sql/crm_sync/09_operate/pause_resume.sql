-- One destination off and on again. Capture goes on; nothing that waits uses up an attempt.

create function crm_sync.pause(p_destination text, p_note text default null)
returns crm_sync.destinations
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return crm_sync._set_paused(p_destination, true, p_note);
end;
$$;

create function crm_sync.resume(p_destination text, p_note text default null)
returns crm_sync.destinations
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return crm_sync._set_paused(p_destination, false, p_note);
end;
$$;

create function crm_sync._set_paused(p_destination text, p_is_paused boolean, p_note text)
returns crm_sync.destinations
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_destination crm_sync.destinations;
begin
    perform crm_sync._require_destination(p_destination);
    update crm_sync.destinations
    set is_paused = p_is_paused
    where destinations.destination = p_destination
    returning * into v_destination;
    perform crm_sync._note_operation(
        case when p_is_paused then 'pause' else 'resume' end, jsonb_build_object('destination', p_destination), 1, p_note);
    return v_destination;
end;
$$;

comment on function crm_sync.pause(text, text) is
    'Nothing more is dispatched to the destination until resume(); what is under way ends. Safe to repeat. Role: crm_sync_operator. Error: CS020 unknown destination.';
comment on function crm_sync.resume(text, text) is
    'Dispatches to the destination again. Safe to repeat. Role: crm_sync_operator. Error: CS020 unknown destination.';
comment on function crm_sync._set_paused(text, boolean, text) is 'What pause() and resume() share.';

revoke all on function crm_sync.pause(text, text), crm_sync.resume(text, text), crm_sync._set_paused(text, boolean, text) from public;
grant execute on function crm_sync.pause(text, text), crm_sync.resume(text, text) to crm_sync_operator;
