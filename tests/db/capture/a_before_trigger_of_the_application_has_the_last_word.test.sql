begin;
set local search_path = public, extensions;
select plan(1);

create function pg_temp.number() returns trigger language plpgsql as $$
begin
    new.order_number := 'CMD-000042';
    return new;
end $$;
create trigger number before insert or update on orders for each row execute function pg_temp.number();
insert into orders (id, order_number, status) values ('50000000-0000-4000-8000-000000000001', 'none', 'confirmed');

select is(
    (select record ->> 'order_number' from crm_sync.deliveries where captured_at >= now()), 'CMD-000042',
    'the record holds the row as it was stored');

select * from finish();
rollback;
