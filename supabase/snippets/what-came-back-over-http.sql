-- What did the function answer to our last requests?
-- Next: 401: signing secret; 404: deploy the function; 5xx: its log; is_queued for minutes: pg_net's worker (is-all-well).
select dispatched_at, destination, delivery_count, is_probe, status, is_queued, http_status, timed_out, error, error_code, is_signed_as_ours
from crm_sync.http_log
order by dispatched_at desc
limit 50;
