begin;
set local search_path = public, extensions;
select plan(1);

insert into payments (id, stripe_session_id) values ('40000000-0000-4000-8000-000000000001', 'cs_1');
update payments set stripe_session_id = 'cs_2' where id = '40000000-0000-4000-8000-000000000001';

select results_eq(
    $$select route, record ->> 'stripe_session_id' from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('payment_session', 'cs_1')$$, 'only the first value is sent');

select * from finish();
rollback;
