-- The ledger: one row for each change and route, with one id for life. Capture only inserts; dispatch, settle and the
-- operator update. No foreign key leads out of it: it would lock a hot row for every writer.
-- pending → in_flight → delivered, back to pending, or dead; also superseded (a newer state was delivered) and cancelled.
-- Few checks: each costs every captured statement some 10 µs, because Postgres reads it anew each time.

create table crm_sync.deliveries (
    delivery_id             bigint       generated always as identity primary key,
    idempotency_key         uuid         not null default gen_random_uuid(),
    route                   text         not null,
    destination             text         not null,
    table_name              text         not null,
    row_id                  text         not null,
    operation               text         not null,
    ordering_key            text         not null,
    record                  jsonb,
    status                  text         not null default 'pending',
    attempt_count           int          not null default 0,
    envelope_failure_count  int          not null default 0,
    wait_count              int          not null default 0,
    failed_alone_count      int          not null default 0,
    failed_alone_since      timestamptz,
    next_attempt_at         timestamptz  not null default now(),
    is_parked               boolean      not null default false,
    is_backfill             boolean      not null default false,
    dispatch_at_commit      boolean      not null default false,
    captured_at             timestamptz  not null default clock_timestamp(),
    claimed_at              timestamptz,
    claimed_snapshot        pg_snapshot,
    envelope_id             uuid,
    last_outcome            text,
    last_status             int,
    last_error_code         text,
    last_error              text,
    covered_by              bigint,
    superseded_by           bigint,
    finished_at             timestamptz,
    constraint status_is_known check (
        status in ('pending', 'in_flight', 'delivered', 'dead', 'superseded', 'cancelled')
    ),
    constraint in_flight_exactly_while_in_an_envelope check ((status = 'in_flight') = (envelope_id is not null)),
    constraint finished_exactly_when_final check ((status = 'pending' or status = 'in_flight') = (finished_at is null)),
    constraint superseded_exactly_when_by_another check ((status = 'superseded') = (superseded_by is not null))
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

create index deliveries_due_idx on crm_sync.deliveries (destination, is_backfill, next_attempt_at, delivery_id)
    where status = 'pending' and not is_parked;
create index deliveries_unfinished_of_key_idx on crm_sync.deliveries (ordering_key, delivery_id)
    where status in ('pending', 'in_flight');
create index deliveries_in_flight_idx on crm_sync.deliveries (envelope_id)
    where status = 'in_flight';
-- What waits for a person, which alert() asks each minute.
create index deliveries_dead_idx on crm_sync.deliveries (route)
    where status = 'dead';
create index deliveries_of_row_idx on crm_sync.deliveries (row_id, delivery_id);

alter table crm_sync.deliveries enable row level security;

comment on table crm_sync.deliveries is
    'The ledger: one row for each change to be delivered to one destination. Holds personal data in record until purge.';
comment on column crm_sync.deliveries.idempotency_key is 'Random, made at capture, equal on every attempt; no receiver can guess it from a sequence.';
comment on column crm_sync.deliveries.table_name is 'schema.table, quoted where needed.';
comment on column crm_sync.deliveries.row_id is 'Primary key as text; a JSON array where it has several columns.';
comment on column crm_sync.deliveries.ordering_key is
    'Deliveries of one key and destination leave one after another, in the order of capture. A state not yet read moves with its row to another key.';
comment on column crm_sync.deliveries.record is
    'Event route: the row as captured. State route: the row as read at the first claim. Frozen from the first claim on.';
comment on column crm_sync.deliveries.attempt_count is 'Attempts that count towards the schedule; waiting, probing and platform failures do not.';
comment on column crm_sync.deliveries.envelope_failure_count is 'Envelopes in a row that came back without a usable answer; halves the next envelope.';
comment on column crm_sync.deliveries.wait_count is 'Tries in a row that used up no attempt: misconfigured, or no usable answer. Each makes the next wait longer.';
comment on column crm_sync.deliveries.failed_alone_count is 'Envelopes without a usable answer that it was alone in; three of them while others succeed make it poison.';
comment on column crm_sync.deliveries.next_attempt_at is 'Due from then on. At capture the start of the transaction, by which dispatch at commit finds its own.';
comment on column crm_sync.deliveries.is_parked is 'Waits for another delivery of its key; woken when that one is settled. Costs the tick nothing.';
comment on column crm_sync.deliveries.dispatch_at_commit is 'Captured by a statement of few rows: its insertion queues the dispatch at commit.';
comment on column crm_sync.deliveries.claimed_at is 'First claim: when the record was frozen. Not later than the snapshot that it was read in.';
comment on column crm_sync.deliveries.claimed_snapshot is 'Which transactions were visible when the record was read: a clock may be set back, this can not.';
comment on column crm_sync.deliveries.covered_by is 'A newer delivery of the same state, claimed in its stead: superseded when that one is delivered.';
comment on column crm_sync.deliveries.last_error is 'Our words and the receiver''s, every value of the payload replaced by <field>; no personal data.';

-- No grant on the table itself: readers use the views, which leave the record out.
