-- Each attempt carries an idempotency key of its own.
create function crm_sync._renew_key()
returns trigger
language plpgsql
as $$
begin
    new.idempotency_key := gen_random_uuid();
    return new;
end;
$$;

create trigger renew_key
before update on crm_sync.deliveries
for each row
when (old.status = 'in_flight' and new.status = 'pending')
execute function crm_sync._renew_key();
