-- How many deliveries of a route died since then, of what? Counts, sends nothing.
-- Fill in the route and the time. Next: mend the cause, then send-the-dead-of-a-route-again with the same values.
select route, last_error_code, dead_count
from crm_sync.redeliver_dead('PUT-ROUTE-HERE', p_since => now() - interval '3 days');
