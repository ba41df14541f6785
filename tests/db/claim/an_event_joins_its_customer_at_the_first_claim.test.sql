begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into customers (id, email, full_name) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test', 'Ada');
insert into requests (id, customer_id) values ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001');
insert into payments (id, request_id, stripe_session_id, amount) values ('40000000-0000-4000-8000-000000000001', '20000000-0000-4000-8000-000000000001', 'cs_1', 12900);
update payments set amount = 1, status = 'canceled' where id = '40000000-0000-4000-8000-000000000001';
update customers set phone = '06' where id = '30000000-0000-4000-8000-000000000001';
set constraints all immediate;

select is(
    (select record from crm_sync.deliveries where captured_at >= now()),
    '{"id": "40000000-0000-4000-8000-000000000001", "request_id": "20000000-0000-4000-8000-000000000001", "stripe_session_id": "cs_1",
      "stripe_payment_intent_id": null, "amount": 12900, "currency": "eur", "status": "pending",
      "customer": {"email": "ada@example.test", "phone": "06", "full_name": "Ada"}}'::jsonb,
    'its own row as captured, the customer as now');

select * from finish();
rollback;
