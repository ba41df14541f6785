-- While requests are under way, or changes wait to be captured, pg_cron's one run ticks again and again, each tick a transaction of its own: a quiet site has
-- one tick an interval, a busy one waits neither for pg_cron nor for a new session's plans. The loop is the scheduled command
-- itself (_tick_command): a procedure that commits could not pin its search_path.

create function crm_sync._tick_command()
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select crm_sync._under_read_committed(
        'tick', 'loop perform crm_sync.tick(); commit and chain; exit when not crm_sync._shall_tick_again(); end loop;')
$$;

create function crm_sync._shall_tick_again(p_for interval default '1 minute', p_pause interval default '0.25 seconds')
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Settings before envelopes, as in the tick: whoever alters both meets no deadlock.
    if not crm_sync._has_time_left(p_for)
        or not (select settings.is_running from crm_sync.settings)
        or not exists (select from crm_sync.envelopes where envelopes.status = 'in_flight')
        and not exists (select from crm_sync.capture_failures as failures where failures.next_retry_at <= clock_timestamp()) then
        return false;
    end if;
    perform pg_sleep_for(p_pause);
    -- Once more after the pause: who has called stop() meanwhile meets no tick.
    return (select settings.is_running from crm_sync.settings);
end;
$$;

comment on function crm_sync._tick_command() is 'What start() schedules: a tick, and more while requests are under way.';
comment on function crm_sync._shall_tick_again(interval, interval) is
    'Pauses if requests are under way, or changes wait to be captured, and there is time; whether another tick shall follow. The time counts from the statement''s begin.';

revoke all on function crm_sync._tick_command(), crm_sync._shall_tick_again(interval, interval) from public;
