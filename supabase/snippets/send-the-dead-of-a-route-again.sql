-- ACTS. Redelivers what died of a route since then: first count-the-dead-of-a-route.
-- Fill in the route, the time and why. Next: dead_count above redelivered_count: those were refused, what-waits-for-a-person.
select route, last_error_code, dead_count, redelivered_count
from crm_sync.redeliver_dead('PUT-ROUTE-HERE', p_since => now() - interval '3 days', p_count_only => false, p_note => 'PUT-REASON-HERE');
