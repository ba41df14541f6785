begin;
set local search_path = public, extensions;
select plan(2);

insert into payments (id, stripe_session_id, stripe_payment_intent_id)
values ('40000000-0000-4000-8000-000000000001', '', e' \t\u00a0');
select is_empty($$select delivery_id from crm_sync.deliveries where captured_at >= now()$$, 'blank ids fire nothing');

update payments set stripe_payment_intent_id = 'pi_1' where id = '40000000-0000-4000-8000-000000000001';
select is(
    (select array_agg(route) from crm_sync.deliveries where captured_at >= now()),
    array['payment_intent'], 'a blank session does not stand in the way of the intent');

select * from finish();
rollback;
