-- start() and stop(): the schedule in pg_cron, and the one switch that everything that leaves asks first.

create function crm_sync.start(p_every text default '2 seconds')
returns crm_sync.settings
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_settings crm_sync.settings;
begin
    perform crm_sync._require_platform();
    -- First the settings, as stop() does: of two that change the jobs one waits for the other.
    update crm_sync.settings set is_running = true, started_on = crm_sync._server_identity() returning * into v_settings;
    perform crm_sync._schedule(p_every);
    perform crm_sync._note_operation('start', jsonb_build_object('every', p_every), 1);
    return v_settings;
end;
$$;

create function crm_sync.stop()
returns crm_sync.settings
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_settings crm_sync.settings;
    v_envelope uuid;
    v_count    int := 0;
begin
    update crm_sync.settings set is_running = false returning * into v_settings;
    perform crm_sync._unschedule();
    for v_envelope in select envelopes.envelope_id from crm_sync.envelopes where envelopes.status = 'in_flight' loop
        v_count := v_count + crm_sync._settle(crm_sync._take_back(v_envelope, clock_timestamp()), clock_timestamp());
        -- What another session holds stays in flight, and does not leave either.
        perform crm_sync._withdraw(v_envelope);
    end loop;
    perform crm_sync._note_operation('stop', '{}', v_count);
    return v_settings;
end;
$$;

create function crm_sync._require_platform()
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_missing text := crm_sync._missing_platform();
begin
    if v_missing is not null then
        raise exception 'crm-sync can not start without %', v_missing
            using errcode = 'CS012', hint = crm_sync._platform_mend();
    end if;
end;
$$;

comment on function crm_sync.start(text) is
    'Schedules the tick (every ''N seconds'' or a cron expression) and lets deliveries leave. Safe to repeat; changes the interval. Role: owner. Error: CS012 pg_net, pg_cron or Vault is missing, or pg_net is older than 0.19.';
comment on function crm_sync.stop() is
    'Nothing leaves any more: no tick, no dispatch at commit, our requests still in pg_net''s queue are taken back; without pg_net, or where another session holds what they carry, they stay in flight, and are sent again later. A transaction that was just dispatching when it looked still posts at its commit: called again, it takes that back, too, unless pg_net has it by then. Capture goes on; start() sends what was captured. Waits for a tick that is running, and for whoever changes the settings; for no other operator. Safe to repeat. Role: owner.';
comment on function crm_sync._require_platform() is 'Raises CS012 unless pg_net, pg_cron and Vault are there.';

revoke all on function crm_sync.start(text), crm_sync.stop(), crm_sync._require_platform() from public;
