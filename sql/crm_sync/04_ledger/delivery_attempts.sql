-- One row for each try of a delivery, written when it is settled. No foreign key: purge deletes both sides together,
-- and a drain settles thousands of rows a second.

create table crm_sync.delivery_attempts (
    delivery_id    bigint       not null,
    envelope_id    uuid         not null,
    attempt        int          not null,
    is_counted     boolean      not null,
    outcome        text         not null,
    status         int,
    error_code     text,
    error          text,
    dispatched_at  timestamptz  not null,
    settled_at     timestamptz  not null,
    primary key (delivery_id, envelope_id),
    constraint attempt_outcome_is_known check (
        outcome in ('delivered', 'retry', 'reject', 'misconfigured', 'not_attempted', 'unknown')
    )
);

alter table crm_sync.delivery_attempts enable row level security;

comment on table crm_sync.delivery_attempts is 'One HTTP try of a delivery, with its outcome. No personal data.';
comment on column crm_sync.delivery_attempts.attempt is 'Number of the counted attempt that this try was part of; tries that do not count repeat it.';
comment on column crm_sync.delivery_attempts.is_counted is 'False where the receiver was not at fault or not reached: misconfigured, not attempted, no usable answer.';
comment on column crm_sync.delivery_attempts.status is 'HTTP status of the receiver, where there was one.';

create policy delivery_attempts_are_for_the_owner_alone on crm_sync.delivery_attempts
    using (false);
