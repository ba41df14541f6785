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

create policy nobody_until_the_application_says_who on public.leads using (false);
create policy nobody_until_the_application_says_who on public.customers using (false);
create policy nobody_until_the_application_says_who on public.requests using (false);
create policy nobody_until_the_application_says_who on public.payments using (false);
create policy nobody_until_the_application_says_who on public.orders using (false);

-- Explicit both ways: the platform grants nothing to the data API on new tables, older projects everything.
revoke all on public.leads, public.customers, public.requests, public.payments, public.orders from anon, authenticated;
grant select, insert, update, delete
   on public.leads, public.customers, public.requests, public.payments, public.orders to service_role;
