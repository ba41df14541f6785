-- Generated from sql/app/ by npm run migrations. Change the source, not this file.

-- sql/app/tables.sql

-- The sample business tables, with the column names of the existing application.
-- A project with its own tables leaves this folder out and writes its own attach() calls.

create table public.leads (
    id              uuid primary key default gen_random_uuid(),
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    email           text,
    phone           text,
    firstname       text,
    lastname        text,
    full_name       text,
    connection_type text,
    postal_code     text,
    source          text,
    utm_source      text,
    utm_medium      text,
    utm_campaign    text
);

create table public.customers (
    id              uuid primary key default gen_random_uuid(),
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    email           text,
    phone           text,
    full_name       text,
    client_type     text,
    company_name    text,
    siren           text
);

create table public.requests (
    id                uuid primary key default gen_random_uuid(),
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now(),
    customer_id       uuid references public.customers (id) deferrable,
    type_raccordement text,
    usage             text,
    address           text,
    city              text,
    zip_code          text,
    phase             text,
    power_kva         numeric,
    is_viabilise      boolean,
    status            text default 'draft'
);

create index requests_of_customer_idx on public.requests (customer_id);

create table public.payments (
    id                       uuid primary key default gen_random_uuid(),
    created_at               timestamptz not null default now(),
    updated_at               timestamptz not null default now(),
    request_id               uuid references public.requests (id) deferrable,
    stripe_session_id        text,
    stripe_payment_intent_id text,
    amount                   integer,
    currency                 text default 'eur',
    status                   text default 'pending'
);

create index payments_of_request_idx on public.payments (request_id);

create table public.orders (
    id             uuid primary key default gen_random_uuid(),
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    order_number   text,
    client_name    text,
    client_phone   text,
    client_address text,
    client_city    text,
    product_name   text,
    quantity       integer,
    unit_price     numeric,
    total_amount   numeric,
    status         text default 'pending',
    confirmed_at   timestamptz
);

comment on table public.leads is 'Prospects from the form (step 1) and from call-back requests.';
comment on table public.customers is 'Who asks for a connection.';
comment on table public.requests is 'Connection requests; a draft stays with us, anything else reaches the CRM.';
comment on table public.payments is 'Stripe payments of a request; amount in minor units.';
comment on table public.orders is 'Shop orders; a confirmed one is announced to Elementor.';
comment on column public.payments.amount is 'Minor units (cents), as Stripe counts.';

alter table public.leads enable row level security;
alter table public.customers enable row level security;
alter table public.requests enable row level security;
alter table public.payments enable row level security;
alter table public.orders enable row level security;

-- Explicit both ways: the platform grants nothing to the data API on new tables, older projects everything.
revoke all on public.leads, public.customers, public.requests, public.payments, public.orders from anon, authenticated;
grant select, insert, update, delete
   on public.leads, public.customers, public.requests, public.payments, public.orders to service_role;

-- sql/app/attachments.sql

-- Which rows of the sample tables fire which route (docs/contract.md, "Routes" and "What is read when").
-- A project with its own tables writes its own calls after this example.

select crm_sync.attach(
    'public.leads', 'lead',
    p_watched => array['email', 'phone', 'firstname', 'lastname', 'full_name', 'connection_type', 'postal_code', 'source',
                       'utm_source', 'utm_medium', 'utm_campaign'],
    p_ordering_key => $$'lead:' || new.id$$
);

select crm_sync.attach(
    'public.requests', 'request',
    p_watched => array['customer_id', 'type_raccordement', 'usage', 'address', 'city', 'zip_code', 'phase', 'power_kva',
                       'is_viabilise', 'status'],
    p_ordering_key => $$'request:' || new.id$$,
    p_condition => $$new.status <> 'draft'$$,
    -- Paid once, paid for ever: refunded counts, and so does a payment that the ledger has seen succeed.
    p_joined => $$jsonb_build_object(
        'customer', (
            select to_jsonb(picked)
            from (
                select customers.email, customers.phone, customers.full_name,
                       customers.client_type, customers.company_name, customers.siren
                from public.customers
                where customers.id = this.customer_id
            ) as picked
        ),
        'has_succeeded_payment', exists (
            select from public.payments
            where payments.request_id = this.id
              and (payments.status in ('succeeded', 'refunded')
                   or crm_sync.has_fired('public.payments', payments.id::text, 'payment_status'))
        )
    )$$
);

select crm_sync.attach_related(
    'public.customers', 'request', 'public.requests',
    p_watched => array['email', 'phone', 'full_name', 'client_type', 'company_name', 'siren'],
    p_affected => $$select requests.id::text from public.requests where requests.customer_id = new.id$$
);

-- A payment has one creation call: the first of session and intent that is known.
select crm_sync.attach(
    'public.payments', 'payment_session',
    p_watched => array['request_id', 'stripe_session_id', 'stripe_payment_intent_id', 'amount', 'currency', 'status'],
    p_ordering_key => $$'request:' || coalesce(new.request_id, new.id)$$,
    -- Also for backfill and repair, which know no transition.
    p_condition => $$crm_sync.is_present(new.stripe_session_id)
        and not crm_sync.has_fired('public.payments', new.id::text, 'payment_intent')$$,
    p_transition => $$not crm_sync.is_present(old.stripe_session_id)
        and not crm_sync.is_present(old.stripe_payment_intent_id)$$,
    p_joined => $$jsonb_build_object('customer', (
        select to_jsonb(picked)
        from (
            select customers.email, customers.phone, customers.full_name
            from public.requests
            join public.customers on customers.id = requests.customer_id
            where requests.id = this.request_id
        ) as picked
    ))$$
);

select crm_sync.attach(
    'public.payments', 'payment_intent',
    p_watched => array['request_id', 'stripe_session_id', 'stripe_payment_intent_id', 'amount', 'currency', 'status'],
    p_ordering_key => $$'request:' || coalesce(new.request_id, new.id)$$,
    p_condition => $$crm_sync.is_present(new.stripe_payment_intent_id) and not crm_sync.is_present(new.stripe_session_id)$$,
    p_transition => $$not crm_sync.is_present(old.stripe_session_id)
        and not crm_sync.is_present(old.stripe_payment_intent_id)$$,
    p_joined => $$jsonb_build_object('customer', (
        select to_jsonb(picked)
        from (
            select customers.email, customers.phone, customers.full_name
            from public.requests
            join public.customers on customers.id = requests.customer_id
            where requests.id = this.request_id
        ) as picked
    ))$$
);

select crm_sync.attach(
    'public.payments', 'payment_status',
    p_watched => array['request_id', 'stripe_session_id', 'stripe_payment_intent_id', 'amount', 'status'],
    p_columns => array['id', 'request_id', 'stripe_session_id', 'stripe_payment_intent_id', 'amount'],
    p_ordering_key => $$'request:' || coalesce(new.request_id, new.id)$$,
    p_condition => $$new.status = 'succeeded'$$,
    p_transition => $$old.status is distinct from 'succeeded'$$,
    p_joined => $$(
        select jsonb_build_object('request', to_jsonb(picked_request), 'customer', (
            select to_jsonb(picked_customer)
            from (
                select customers.email, customers.phone, customers.full_name,
                       customers.client_type, customers.company_name, customers.siren
                from public.customers
                where customers.id = picked_request.customer_id
            ) as picked_customer
        ))
        from (select) as always
        left join lateral (
            select requests.id, requests.customer_id, requests.type_raccordement, requests.usage, requests.address,
                   requests.city, requests.zip_code, requests.phase, requests.power_kva, requests.is_viabilise,
                   requests.status
            from public.requests
            where requests.id = this.request_id
        ) as picked_request on true
    )$$
);

select crm_sync.attach(
    'public.orders', 'order_confirmation',
    p_watched => array['order_number', 'client_name', 'client_phone', 'client_address', 'client_city', 'product_name',
                       'quantity', 'unit_price', 'total_amount', 'status', 'confirmed_at'],
    p_ordering_key => $$'order:' || new.id$$,
    p_condition => $$new.status = 'confirmed'$$,
    p_transition => $$old.status is distinct from 'confirmed'$$
);
