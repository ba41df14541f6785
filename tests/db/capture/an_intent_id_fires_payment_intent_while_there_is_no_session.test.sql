begin;
set local search_path = public, extensions;
select plan(1);

insert into payments (id, amount) values ('40000000-0000-4000-8000-000000000001', 12900);
update payments set stripe_payment_intent_id = 'pi_1' where id = '40000000-0000-4000-8000-000000000001';
insert into payments (id, stripe_payment_intent_id) values ('40000000-0000-4000-8000-000000000002', 'pi_2');

select results_eq(
    $$select route, operation, record ->> 'stripe_payment_intent_id' from crm_sync.deliveries
      where captured_at >= now() order by delivery_id$$,
    $$values ('payment_intent', 'UPDATE', 'pi_1'), ('payment_intent', 'INSERT', 'pi_2')$$,
    'by update and by insert');

select * from finish();
rollback;
