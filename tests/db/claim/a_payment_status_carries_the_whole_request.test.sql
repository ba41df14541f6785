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

insert into customers (id, phone) values ('30000000-0000-4000-8000-000000000001', '06');
insert into requests (id, customer_id, city) values ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001', 'Lyon');
insert into payments (id, request_id, stripe_payment_intent_id, amount, status)
values ('40000000-0000-4000-8000-000000000001', '20000000-0000-4000-8000-000000000001', null, 12900, 'succeeded'),
       ('40000000-0000-4000-8000-000000000002', null, null, 1, 'succeeded');
set constraints all immediate;

select results_eq(
    $$select record from crm_sync.deliveries where captured_at >= now() order by row_id$$,
    $$values ('{"id": "40000000-0000-4000-8000-000000000001", "request_id": "20000000-0000-4000-8000-000000000001", "stripe_session_id": null,
                "stripe_payment_intent_id": null, "amount": 12900,
                "request": {"id": "20000000-0000-4000-8000-000000000001", "customer_id": "30000000-0000-4000-8000-000000000001",
                            "type_raccordement": null, "usage": null, "address": null, "city": "Lyon", "zip_code": null, "phase": null,
                            "power_kva": null, "is_viabilise": null, "status": "draft"},
                "customer": {"email": null, "phone": "06", "full_name": null, "client_type": null, "company_name": null, "siren": null}}'::jsonb),
             ('{"id": "40000000-0000-4000-8000-000000000002", "request_id": null, "stripe_session_id": null, "stripe_payment_intent_id": null,
                "amount": 1, "request": null, "customer": null}')$$,
    'a draft''s, too; null where there is no request');

select * from finish();
rollback;
