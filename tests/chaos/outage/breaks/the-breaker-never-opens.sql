-- Failures are counted, and nothing comes of it.
create or replace function crm_sync._open_breaker_if_failing(p_breaker text, p_is_misconfigured boolean, p_now timestamptz)
returns void
language sql
as $$
    select;
$$;
