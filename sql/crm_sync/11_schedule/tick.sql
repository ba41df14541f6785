-- The tick, run by pg_cron every 2 seconds: what failed to be captured, answers, what is due. One at a time. Each step in
-- a block of its own: a step that fails, or that would wait for an operator's lock, is noted in crm_sync.faults and stops
-- no other.

create function crm_sync.tick(p_now timestamptz default clock_timestamp())
returns table (step text, affected int)
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '1s' set plan_cache_mode = 'force_generic_plan'
-- By the index, whatever the statistics say: they are as old as the last analyze, and a burst is younger.
set enable_seqscan = 'off' set jit = 'off'
as $$
begin
    perform crm_sync._require_read_committed();
    perform from crm_sync.settings for no key update skip locked;
    if not found then
        return;
    end if;
    foreach step in array array['capture_missed', 'capture_related', 'reconcile', 'dispatch'] loop
        affected := crm_sync._tick_step(step, p_now);
        return next;
    end loop;
end;
$$;

create function crm_sync._tick_step(p_step text, p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return case p_step
        when 'capture_missed' then crm_sync._capture_missed(p_now)
        when 'capture_related' then crm_sync._capture_related()
        when 'reconcile' then crm_sync._reconcile(p_now)
        when 'dispatch' then crm_sync._dispatch_due(p_now)
    end;
exception when others then
    perform crm_sync._note_fault('tick: ' || p_step, sqlstate, sqlerrm);
    return null;
end;
$$;

create function crm_sync._require_read_committed()
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'crm_sync.tick() runs under read committed only'
            using errcode = 'CS011', hint = 'Each step must see what the one before it waited for; begin isolation level read committed.';
    end if;
end;
$$;

comment on function crm_sync.tick(timestamptz) is
    'One round of the engine: capture what was missed, reconcile, dispatch what is due. Returns each step with what it did; null: it failed, see crm_sync.faults. Returns nothing while another tick runs. Safe to repeat at any time. Role: owner. Error: CS011 wrong isolation level.';
comment on function crm_sync._tick_step(text, timestamptz) is 'One step of the tick; an error is noted and ends the step alone.';
comment on function crm_sync._require_read_committed() is 'Raises CS011 under repeatable read or serializable.';

revoke all on function crm_sync.tick(timestamptz), crm_sync._tick_step(text, timestamptz), crm_sync._require_read_committed() from public;
