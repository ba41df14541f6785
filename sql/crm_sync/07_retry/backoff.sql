-- When the next attempt is made. Evidence before exhaustion: with its attempts used up a delivery goes dead only if another
-- one of its route was taken since this one's first attempt; else it waits on at the longest interval. Of its route: one
-- endpoint of a receiver may be out for days while the others answer.

create function crm_sync._delay(p_delays interval[], p_attempt_count int, p_outcome text, p_retry_after int, p_max_retry_after interval)
returns interval
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return greatest(
        p_delays[least(p_attempt_count, cardinality(p_delays))] * (0.8 + 0.4 * random()),
        least(make_interval(secs => coalesce(p_retry_after, 0)), p_max_retry_after),
        case when p_outcome = 'unknown' then interval '20 seconds' end
    );
end;
$$;

create function crm_sync._is_exhausted(p_delays interval[], p_attempt_count int, p_claimed_at timestamptz, p_last_delivered_at timestamptz)
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return p_attempt_count > cardinality(p_delays) and coalesce(p_last_delivered_at > p_claimed_at, false);
end;
$$;

create function crm_sync._wait_delay(p_wait_count int)
returns interval
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return least(interval '10 seconds' * power(2, least(p_wait_count - 1, 10)), interval '15 minutes')
           * (0.8 + 0.4 * random());
end;
$$;

comment on function crm_sync._delay(interval[], int, text, int, interval) is
    'Wait after so many counted attempts, ±20 % jitter; Retry-After (seconds) raises it within a cap; at least 20 s where the receiver may have the call.';
comment on function crm_sync._is_exhausted(interval[], int, timestamptz, timestamptz) is
    'Whether attempts are used up and another one of the route was taken meanwhile.';
comment on function crm_sync._wait_delay(int) is 'Wait after so many tries in a row that used up no attempt: 10 s, doubling to 15 min, ±20 % jitter.';

revoke all on function crm_sync._delay(interval[], int, text, int, interval),
    crm_sync._is_exhausted(interval[], int, timestamptz, timestamptz), crm_sync._wait_delay(int) from public;
