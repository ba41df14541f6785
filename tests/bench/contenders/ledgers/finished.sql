-- A ledger with a past: so many deliveries of the last week, each delivered by its first attempt, a hundred to an envelope.
with envelopes as (
    insert into crm_sync.envelopes (
        envelope_id, destination, request_id, delivery_count, dispatched_at, lease_until, status, http_status, settled_at
    )
    select gen_random_uuid(), 'monelec', number, 100, at, at + interval '2 minutes', 'answered', 200, at + interval '1 second'
    from (
        select number, now() - interval '7 days' * (1 - number / (:rows / 100.0 + 1)) as at
        from generate_series(1, greatest(1, :rows / 100)) as numbers (number)
    ) as spread_over_a_week
    returning envelope_id, request_id, dispatched_at, settled_at
),
rows as (
    select envelopes.*, gen_random_uuid() as row_id
    from envelopes
    cross join generate_series(1, 100)
),
deliveries as (
    insert into crm_sync.deliveries (
        route, destination, table_name, row_id, operation, ordering_key, record, status, attempt_count, next_attempt_at,
        captured_at, claimed_at, claimed_snapshot, last_outcome, last_status, finished_at
    )
    select 'lead', 'monelec', 'public.leads', rows.row_id, 'INSERT', 'lead:' || rows.row_id,
           jsonb_build_object(
               'id', rows.row_id, 'email', rows.row_id || '@example.test', 'phone', '+33 6 12 34 56 78', 'firstname', 'Léa',
               'lastname', 'Roux', 'full_name', 'Léa Roux', 'connection_type', 'definitif', 'postal_code', '69003',
               'source', 'website', 'utm_source', null, 'utm_medium', null, 'utm_campaign', null),
           'delivered', 1, rows.dispatched_at, rows.dispatched_at, rows.dispatched_at, pg_current_snapshot(),
           'delivered', 201, rows.settled_at
    from rows
    returning delivery_id, row_id
)
insert into crm_sync.delivery_attempts (
    delivery_id, envelope_id, attempt, is_counted, outcome, status, dispatched_at, settled_at
)
select deliveries.delivery_id, rows.envelope_id, 1, true, 'delivered', 201, rows.dispatched_at, rows.settled_at
from deliveries
join rows on rows.row_id::text = deliveries.row_id;
