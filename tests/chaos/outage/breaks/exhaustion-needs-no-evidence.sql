-- Attempts used up are the end, whether or not the destination took anything else.
create or replace function crm_sync._is_exhausted(p_delays interval[], p_attempt_count int, p_claimed_at timestamptz, p_last_delivered_at timestamptz)
returns boolean
language sql
immutable
as $$
    select p_attempt_count > cardinality(p_delays);
$$;
