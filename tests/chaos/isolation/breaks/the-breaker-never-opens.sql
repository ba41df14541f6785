-- Whatever fails, the destination is called as before.
create or replace function crm_sync._open_breaker_if_failing(p_breaker text, p_is_misconfigured boolean, p_now timestamptz)
returns void
language plpgsql
as $$
begin
end;
$$;
