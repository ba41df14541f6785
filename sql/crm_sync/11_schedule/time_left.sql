-- For scheduled commands that go on in rounds, as the tick and the purge do: one is a statement from its first round to its
-- last, and ends before it is ended.

create function crm_sync._has_time_left(p_for interval)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_timeout interval := current_setting('statement_timeout')::interval;
begin
    return clock_timestamp() < statement_timestamp()
        + case when v_timeout > interval '0' then least(p_for, 0.75 * v_timeout) else p_for end;
end;
$$;

comment on function crm_sync._has_time_left(interval) is 'Whether a statement that may take so long has time for another round, also by its statement_timeout.';

revoke all on function crm_sync._has_time_left(interval) from public;
