-- What fails every envelope is sent again for ever.
create or replace function crm_sync._is_poison(p_delivery crm_sync.deliveries)
returns boolean
language sql
as $$
    select false;
$$;
