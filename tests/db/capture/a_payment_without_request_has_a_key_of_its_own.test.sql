begin;
set local search_path = public, extensions;
select plan(1);

insert into payments (id, stripe_session_id) values ('40000000-0000-4000-8000-000000000001', 'cs_1');

select is(
    (select array_agg(ordering_key) from crm_sync.deliveries where captured_at >= now()),
    array['request:40000000-0000-4000-8000-000000000001'], 'it waits for nobody; the mapper refuses it with a reason');

select * from finish();
rollback;
