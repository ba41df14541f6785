begin;
set local search_path = public, extensions;
select plan(2);

insert into payments (id, amount) values ('40000000-0000-4000-8000-000000000001', 12900);
select is_empty($$select delivery_id from crm_sync.deliveries where captured_at >= now()$$, 'a payment without ids sends nothing');

update payments set stripe_session_id = 'cs_1' where id = '40000000-0000-4000-8000-000000000001';
select results_eq(
    $$select route, operation, record ->> 'stripe_session_id' from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('payment_session', 'UPDATE', 'cs_1')$$, 'the id that comes later sends it');

select * from finish();
rollback;
