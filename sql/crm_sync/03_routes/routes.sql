-- What is sent where. Which rows fire a route is decided by attach(); what the payload looks like, by the function's mapper.

create table crm_sync.routes (
    route        text  primary key,
    kind         text  not null,
    destination  text  not null references crm_sync.destinations (destination),
    position     int   not null unique,
    test_record  jsonb,
    constraint kind_is_state_or_event check (kind in ('state', 'event'))
);

create index routes_of_destination_idx on crm_sync.routes (destination);

insert into crm_sync.routes (position, route, kind, destination) values
    (1, 'lead',               'state', 'monelec'),
    (2, 'request',            'state', 'monelec'),
    (3, 'payment_session',    'event', 'monelec'),
    (4, 'payment_intent',     'event', 'monelec'),
    (5, 'payment_status',     'state', 'monelec'),
    (6, 'order_confirmation', 'event', 'elementor');

-- Records of nobody: each test is the same entity to the receiver, and says what it is.
update crm_sync.routes
set test_record = made.record::jsonb
from (values
    ('lead', $${
        "id": "00000000-0000-4000-8000-000000000001", "email": "crm-sync-test@example.com", "phone": null, "firstname": "TEST",
        "lastname": "crm-sync", "full_name": null, "connection_type": null, "postal_code": null, "source": "crm-sync-test",
        "utm_source": null, "utm_medium": null, "utm_campaign": null}$$),
    ('request', $${
        "id": "00000000-0000-4000-8000-000000000002", "customer_id": "00000000-0000-4000-8000-000000000003",
        "type_raccordement": "TEST crm-sync", "usage": null, "address": null, "city": null, "zip_code": null, "phase": null,
        "power_kva": null, "is_viabilise": null, "status": "submitted", "has_succeeded_payment": false,
        "customer": {"email": "crm-sync-test@example.com", "phone": null, "full_name": "TEST crm-sync", "client_type": null,
                     "company_name": null, "siren": null}}$$),
    ('payment_session', $${
        "id": "00000000-0000-4000-8000-000000000004", "request_id": "00000000-0000-4000-8000-000000000002",
        "stripe_session_id": "cs_test_crm_sync", "stripe_payment_intent_id": null, "amount": 0, "currency": "eur", "status": "pending",
        "customer": {"email": "crm-sync-test@example.com", "phone": null, "full_name": "TEST crm-sync"}}$$),
    ('payment_intent', $${
        "id": "00000000-0000-4000-8000-000000000005", "request_id": "00000000-0000-4000-8000-000000000002",
        "stripe_session_id": null, "stripe_payment_intent_id": "pi_test_crm_sync", "amount": 0, "currency": "eur", "status": "pending",
        "customer": {"email": "crm-sync-test@example.com", "phone": null, "full_name": "TEST crm-sync"}}$$),
    ('payment_status', $${
        "id": "00000000-0000-4000-8000-000000000004", "request_id": "00000000-0000-4000-8000-000000000002",
        "stripe_session_id": "cs_test_crm_sync", "stripe_payment_intent_id": null, "amount": 0,
        "request": {"id": "00000000-0000-4000-8000-000000000002", "customer_id": "00000000-0000-4000-8000-000000000003",
                    "type_raccordement": "TEST crm-sync", "usage": null, "address": null, "city": null, "zip_code": null,
                    "phase": null, "power_kva": null, "is_viabilise": null, "status": "submitted"},
        "customer": {"email": "crm-sync-test@example.com", "phone": null, "full_name": "TEST crm-sync", "client_type": null,
                     "company_name": null, "siren": null}}$$),
    ('order_confirmation', $${
        "id": "00000000-0000-4000-8000-000000000006", "order_number": "TEST-crm-sync", "client_name": "TEST crm-sync",
        "client_phone": null, "client_address": null, "client_city": null, "product_name": "TEST", "quantity": 1,
        "unit_price": 0, "total_amount": 0, "status": "confirmed", "confirmed_at": null}$$)
) as made (route, record)
where routes.route = made.route;

alter table crm_sync.routes enable row level security;

comment on table crm_sync.routes is 'What is sent for which change, to which destination. A route of the function''s registry has a row here.';
comment on column crm_sync.routes.kind is
    'state: the record is read when the delivery is first dispatched, the newest wins. event: it happened once and is sent as captured.';
comment on column crm_sync.routes.position is 'One statement that fires several routes for a row captures them in this order.';
comment on column crm_sync.routes.test_record is 'What test_delivery() sends: a record of nobody, marked as a test. Null: the route can not be tested so.';

grant select on crm_sync.routes to crm_sync_reader, crm_sync_operator;

create policy readers_see_routes on crm_sync.routes
    for select to crm_sync_reader, crm_sync_operator using (true);
