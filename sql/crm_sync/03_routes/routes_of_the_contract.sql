-- The routes of docs/contract.md. Their test records are of nobody: each test is the same entity to the receiver, and says what it is.

select crm_sync.define_route('lead', 'state', 'monelec', $${
    "id": "00000000-0000-4000-8000-000000000001", "email": "crm-sync-test@example.com", "phone": null, "firstname": "TEST",
    "lastname": "crm-sync", "full_name": null, "connection_type": null, "postal_code": null, "source": "crm-sync-test",
    "utm_source": null, "utm_medium": null, "utm_campaign": null}$$);

select crm_sync.define_route('request', 'state', 'monelec', $${
    "id": "00000000-0000-4000-8000-000000000002", "customer_id": "00000000-0000-4000-8000-000000000003",
    "type_raccordement": "TEST crm-sync", "usage": null, "address": null, "city": null, "zip_code": null, "phase": null,
    "power_kva": null, "is_viabilise": null, "status": "submitted", "has_succeeded_payment": false,
    "customer": {"email": "crm-sync-test@example.com", "phone": null, "full_name": "TEST crm-sync", "client_type": null,
                 "company_name": null, "siren": null}}$$);

select crm_sync.define_route('payment_session', 'event', 'monelec', $${
    "id": "00000000-0000-4000-8000-000000000004", "request_id": "00000000-0000-4000-8000-000000000002",
    "stripe_session_id": "cs_test_crm_sync", "stripe_payment_intent_id": null, "amount": 0, "currency": "eur", "status": "pending",
    "customer": {"email": "crm-sync-test@example.com", "phone": null, "full_name": "TEST crm-sync"}}$$);

select crm_sync.define_route('payment_intent', 'event', 'monelec', $${
    "id": "00000000-0000-4000-8000-000000000005", "request_id": "00000000-0000-4000-8000-000000000002",
    "stripe_session_id": null, "stripe_payment_intent_id": "pi_test_crm_sync", "amount": 0, "currency": "eur", "status": "pending",
    "customer": {"email": "crm-sync-test@example.com", "phone": null, "full_name": "TEST crm-sync"}}$$);

select crm_sync.define_route('payment_status', 'state', 'monelec', $${
    "id": "00000000-0000-4000-8000-000000000004", "request_id": "00000000-0000-4000-8000-000000000002",
    "stripe_session_id": "cs_test_crm_sync", "stripe_payment_intent_id": null, "amount": 0,
    "request": {"id": "00000000-0000-4000-8000-000000000002", "customer_id": "00000000-0000-4000-8000-000000000003",
                "type_raccordement": "TEST crm-sync", "usage": null, "address": null, "city": null, "zip_code": null,
                "phase": null, "power_kva": null, "is_viabilise": null, "status": "submitted"},
    "customer": {"email": "crm-sync-test@example.com", "phone": null, "full_name": "TEST crm-sync", "client_type": null,
                 "company_name": null, "siren": null}}$$);

select crm_sync.define_route('order_confirmation', 'event', 'elementor', $${
    "id": "00000000-0000-4000-8000-000000000006", "order_number": "TEST-crm-sync", "client_name": "TEST crm-sync",
    "client_phone": null, "client_address": null, "client_city": null, "product_name": "TEST", "quantity": 1,
    "unit_price": 0, "total_amount": 0, "status": "confirmed", "confirmed_at": null}$$);
