-- A state that is sent again reads its row again: the same key with another body.
create function crm_sync._forget_record()
returns trigger
language plpgsql
as $$
begin
    if exists (select from crm_sync.routes where routes.route = new.route and routes.kind = 'state') then
        new.claimed_at := null;
    end if;
    return new;
end;
$$;

create trigger forget_record
before update on crm_sync.deliveries
for each row
when (old.status = 'in_flight' and new.status = 'pending')
execute function crm_sync._forget_record();
