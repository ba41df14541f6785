-- Generated from sql/app/ by npm run migrations: from 0.1.0 to 0.2.0. Change the source, not this file.

-- sql/app/tables.sql

create policy nobody_until_the_application_says_who on public.leads using (false);

create policy nobody_until_the_application_says_who on public.customers using (false);

create policy nobody_until_the_application_says_who on public.requests using (false);

create policy nobody_until_the_application_says_who on public.payments using (false);

create policy nobody_until_the_application_says_who on public.orders using (false);

-- sql/app/attachments.sql

select crm_sync.attach(
    'public.requests', 'request',
    p_watched => array['customer_id', 'type_raccordement', 'usage', 'address', 'city', 'zip_code', 'phase', 'power_kva',
                       'is_viabilise', 'status'],
    p_ordering_key => $$'request:' || new.id$$,
    p_condition => $$crm_sync.is_present(new.status) and new.status <> 'draft'$$,
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
