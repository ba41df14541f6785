-- The breaker opens, and nobody asks it.
alter function crm_sync._capacity(text, timestamptz) rename to _capacity_behind_breakers;

create function crm_sync._capacity(p_destination text, p_now timestamptz)
returns crm_sync.capacity
language plpgsql
as $$
begin
    if p_destination = 'elementor' then
        return row(100, 5000, false, true, 1000)::crm_sync.capacity;
    end if;
    return crm_sync._capacity_behind_breakers(p_destination, p_now);
end;
$$;
