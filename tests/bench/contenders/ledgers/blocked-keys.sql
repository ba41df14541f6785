-- A thousand keys whose first delivery waits for its next attempt in an hour; all others wait behind these, parked.
insert into crm_sync.deliveries (
    route, destination, table_name, row_id, operation, ordering_key, record, attempt_count, next_attempt_at, is_parked,
    captured_at, claimed_at, claimed_snapshot, last_outcome, last_status, last_error_code
)
select 'lead', 'monelec', 'public.leads', md5('row ' || number)::uuid, 'INSERT', 'lead:' || number % 1000,
       case when number <= 1000 then jsonb_build_object('id', md5('row ' || number)::uuid, 'email', 'lea@example.test') end,
       case when number <= 1000 then 1 else 0 end,
       case when number <= 1000 then now() + interval '1 hour' else now() end,
       number > 1000,
       now(),
       case when number <= 1000 then now() end,
       case when number <= 1000 then pg_current_snapshot() end,
       case when number <= 1000 then 'retry' end,
       case when number <= 1000 then 503 end,
       case when number <= 1000 then 'receiver_status_503' end
from generate_series(1, :rows) as numbers (number);
