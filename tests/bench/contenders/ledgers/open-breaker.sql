-- A destination that is down: its breaker is open for another hour, and all that was captured since is due.
insert into crm_sync.deliveries (route, destination, table_name, row_id, operation, ordering_key, captured_at)
select 'lead', 'monelec', 'public.leads', rows.row_id, 'INSERT', 'lead:' || rows.row_id, now()
from (select md5('row ' || number)::uuid as row_id from generate_series(1, :rows) as numbers (number)) as rows;

update crm_sync.breakers
set state = 'open', reason = 'failing', open_until = now() + interval '1 hour', open_count = 8, opened_at = now(),
    failures_in_a_row = 10, failing_since = now(), failing_keys = array['lead:1', 'lead:2'], last_failed_key = 'lead:2'
where breaker = 'monelec';
