-- What happened to which row: the ledger without the record, for people. No personal data.

create view crm_sync.delivery_log
with (security_invoker = on)
as
select deliveries.delivery_id, deliveries.captured_at, deliveries.route, deliveries.destination,
       deliveries.table_name, deliveries.row_id, deliveries.operation, deliveries.ordering_key,
       deliveries.status, deliveries.attempt_count, deliveries.next_attempt_at, deliveries.is_parked,
       deliveries.last_outcome, deliveries.last_status, deliveries.last_error_code, deliveries.last_error,
       deliveries.superseded_by, deliveries.finished_at, deliveries.idempotency_key
from crm_sync.deliveries;

comment on view crm_sync.delivery_log is 'Every delivery with its state, without the record. Start here: select * from crm_sync.delivery_log where row_id = ''…''.';

-- The view runs with the reader's rights: on the ledger's columns, all but the record.
grant select (
    delivery_id, captured_at, route, destination, table_name, row_id, operation, ordering_key, status, attempt_count,
    next_attempt_at, is_parked, last_outcome, last_status, last_error_code, last_error, superseded_by, finished_at,
    idempotency_key
) on crm_sync.deliveries to crm_sync_reader, crm_sync_operator;
grant select on crm_sync.delivery_log to crm_sync_reader, crm_sync_operator;

create policy readers_see_deliveries on crm_sync.deliveries
    for select to crm_sync_reader, crm_sync_operator using (true);
