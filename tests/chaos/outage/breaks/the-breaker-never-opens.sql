-- Failures are counted, and nothing comes of it.
create function crm_sync._keep_closed()
returns trigger
language plpgsql
as $$
begin
    new.state := 'closed';
    new.open_until := null;
    new.probe_envelope_id := null;
    return new;
end;
$$;

create trigger keep_closed
before update on crm_sync.breakers
for each row
when (new.state <> 'closed')
execute function crm_sync._keep_closed();
