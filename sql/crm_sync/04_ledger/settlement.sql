-- What reconcile hands to settle: one outcome of one delivery in one envelope. A type, kept nowhere.

create type crm_sync.settlement as (
    delivery_id      bigint,
    envelope_id      uuid,
    outcome          text,
    is_counted       boolean,
    envelope_failed  boolean,
    status           int,
    retry_after      int,
    error_code       text,
    error            text
);

comment on type crm_sync.settlement is 'The outcome of one delivery in one envelope. retry_after in seconds.';
