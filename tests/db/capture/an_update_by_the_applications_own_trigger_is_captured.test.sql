begin;
set local search_path = public, extensions;
select plan(1);

create function pg_temp.complete() returns trigger language plpgsql as $$
begin
    update public.leads set source = 'completed' where id = new.id;
    return null;
end $$;
create trigger complete after insert on leads for each row execute function pg_temp.complete();
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');

select results_eq(
    $$select operation, record from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('UPDATE', null::jsonb), ('INSERT', null::jsonb)$$,
    'before the insert that set it off: a state is therefore not read at capture');

select * from finish();
rollback;
