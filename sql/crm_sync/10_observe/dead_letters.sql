-- What waits for a person: dead deliveries, why, and what mends each. No personal data.

create view crm_sync.dead_letters
with (security_invoker = on)
as
select deliveries.delivery_id, deliveries.finished_at as dead_at, deliveries.route, deliveries.destination,
       deliveries.table_name, deliveries.row_id, deliveries.attempt_count,
       deliveries.last_status, deliveries.last_error_code, deliveries.last_error,
       case
           when deliveries.last_error_code = 'invalid_record' then 'correct the row; it is sent again by itself'
           when deliveries.last_error_code = 'invalid_payload' then 'correct the mapper, deploy, redeliver'
           when deliveries.last_error_code = 'too_large' then 'shorten the row; it is sent again by itself'
           when deliveries.last_error_code = 'poison' then 'the function fails on this one: read its log, deploy, redeliver'
           when deliveries.last_outcome = 'reject' then 'correct the row, or let the receiver take it and redeliver'
           else 'redeliver'
       end as mend,
       deliveries.captured_at, deliveries.ordering_key
from crm_sync.deliveries
where deliveries.status = 'dead';

comment on view crm_sync.dead_letters is
    'Deliveries that wait for a person, with what mends them: select * from crm_sync.dead_letters order by dead_at; redeliver(ids) or cancel(ids). No personal data. Roles: crm_sync_reader, crm_sync_operator.';

grant select on crm_sync.dead_letters to crm_sync_reader, crm_sync_operator;
