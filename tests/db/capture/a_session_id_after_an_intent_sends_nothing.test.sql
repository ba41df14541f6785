begin;
set local search_path = public, extensions;
select plan(1);

insert into payments (id, stripe_payment_intent_id) values ('40000000-0000-4000-8000-000000000001', 'pi_1');
update payments set stripe_session_id = 'cs_1' where id = '40000000-0000-4000-8000-000000000001';

select is(
    (select array_agg(route) from crm_sync.deliveries where captured_at >= now()),
    array['payment_intent'], 'the intent was the creation call');

select * from finish();
rollback;
