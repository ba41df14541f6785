begin;
set local search_path = public, extensions;
select plan(1);

create function pg_temp.number() returns trigger language plpgsql as $$
begin
    update public.orders set order_number = 'CMD-000007' where id = new.id;
    return null;
end $$;
create trigger number after insert on orders for each row execute function pg_temp.number();
insert into orders (id, quantity, status) values ('50000000-0000-4000-8000-000000000001', 1, 'confirmed');

select is(
    (select array_agg(record ->> 'order_number') from crm_sync.deliveries where captured_at >= now()),
    array['CMD-000007'], 'the row as the statement left it, not as it wrote it');

select * from finish();
rollback;
