begin;
set local search_path = public, extensions;
select plan(1);

insert into payments (id, stripe_session_id, stripe_payment_intent_id)
values ('40000000-0000-4000-8000-000000000001', 'cs_1', 'pi_1');
insert into payments (id) values ('40000000-0000-4000-8000-000000000002');
update payments set stripe_session_id = 'cs_2', stripe_payment_intent_id = 'pi_2'
where id = '40000000-0000-4000-8000-000000000002';

select results_eq(
    $$select route, operation, record ->> 'stripe_session_id', record ->> 'stripe_payment_intent_id'
      from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('payment_session', 'INSERT', 'cs_1', 'pi_1'), ('payment_session', 'UPDATE', 'cs_2', 'pi_2')$$,
    'a payment has one creation call, and it carries both');

select * from finish();
rollback;
