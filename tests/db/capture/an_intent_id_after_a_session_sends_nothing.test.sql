begin;
set local search_path = public, extensions;
select plan(1);

insert into payments (id, stripe_session_id) values ('40000000-0000-4000-8000-000000000001', 'cs_1');
update payments set stripe_payment_intent_id = 'pi_1' where id = '40000000-0000-4000-8000-000000000001';

select is(
    (select array_agg(route) from crm_sync.deliveries where captured_at >= now()),
    array['payment_session'], 'the session was the creation call');

select * from finish();
rollback;
