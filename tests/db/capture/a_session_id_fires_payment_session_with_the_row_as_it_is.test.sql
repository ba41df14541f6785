begin;
set local search_path = public, extensions;
select plan(1);

insert into requests (id) values ('20000000-0000-4000-8000-000000000001');
insert into payments (id, request_id, stripe_session_id, amount)
values ('40000000-0000-4000-8000-000000000001', '20000000-0000-4000-8000-000000000001', 'cs_1', 12900);

select results_eq(
    $$select route, destination, operation, ordering_key, record from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('payment_session', 'monelec', 'INSERT', 'request:20000000-0000-4000-8000-000000000001',
        '{"id": "40000000-0000-4000-8000-000000000001", "request_id": "20000000-0000-4000-8000-000000000001",
          "stripe_session_id": "cs_1", "stripe_payment_intent_id": null, "amount": 12900, "currency": "eur",
          "status": "pending"}'::jsonb)$$,
    'on the key of its request, with the columns of the contract and no other');

select * from finish();
rollback;
