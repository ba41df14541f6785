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
