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

insert into customers (id, email, client_type, company_name, siren) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test', 'professionnel', 'Ada SARL', '552 100 554');
insert into requests (id, customer_id, type_raccordement, zip_code, power_kva, is_viabilise, status)
values ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001', 'definitif', '01000', 36.0, true, 'submitted');
insert into payments (request_id, status) values ('20000000-0000-4000-8000-000000000001', 'refunded');
set constraints all immediate;

select is(
    (select record::text from crm_sync.deliveries where captured_at >= now()),
    '{"id": "20000000-0000-4000-8000-000000000001", "customer_id": "30000000-0000-4000-8000-000000000001", "type_raccordement": "definitif",
      "usage": null, "address": null, "city": null, "zip_code": "01000", "phase": null, "power_kva": 36.0, "is_viabilise": true,
      "status": "submitted", "has_succeeded_payment": true,
      "customer": {"email": "ada@example.test", "phone": null, "full_name": null, "client_type": "professionnel", "company_name": "Ada SARL", "siren": "552 100 554"}}'::jsonb::text,
    'a refunded payment has succeeded once');

select * from finish();
rollback;
