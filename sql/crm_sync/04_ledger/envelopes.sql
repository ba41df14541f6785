-- One row for each request handed to pg_net: which of its ids is ours, until when we wait, what became of it.
-- pg_net's own tables are unlogged and its ids start again at 1 after a crash; this is what remains.

create table crm_sync.envelopes (
    envelope_id     uuid         primary key,
    destination     text         not null,
    request_id      bigint       not null,
    delivery_count  int          not null,
    is_probe        boolean      not null default false,
    dispatched_at   timestamptz  not null,
    lease_until     timestamptz  not null,
    status          text         not null default 'in_flight',
    http_status     int,
    error           text,
    settled_at      timestamptz,
    constraint envelope_status_is_known check (status in ('in_flight', 'answered', 'failed', 'lost', 'taken_back')),
    constraint settled_exactly_when_not_in_flight check ((status = 'in_flight') = (settled_at is null))
) with (fillfactor = 80);

create index envelopes_in_flight_idx on crm_sync.envelopes (dispatched_at)
    where status = 'in_flight';
create index envelopes_settled_idx on crm_sync.envelopes (settled_at)
    where settled_at is not null;

alter table crm_sync.envelopes enable row level security;

comment on table crm_sync.envelopes is 'One request to the Edge Function with up to 100 deliveries. No personal data.';
comment on column crm_sync.envelopes.request_id is 'Id in net.http_request_queue and net._http_response; not unique over a crash of the server.';
comment on column crm_sync.envelopes.is_probe is 'One delivery, to see whether a receiver or the function is back; its failure uses up no attempt.';
comment on column crm_sync.envelopes.status is
    'answered: our signed answer. failed: no usable answer of ours. lost: gone from pg_net. taken_back: lease ended in the queue, or stop().';

create policy envelopes_are_for_the_owner_alone on crm_sync.envelopes
    using (false);
