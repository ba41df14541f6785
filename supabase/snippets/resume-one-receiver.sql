-- ACTS. What waited for a paused receiver leaves, in order.
-- Fill in the destination (monelec, elementor) and why. Next: how-are-the-routes.
select destination, is_paused
from crm_sync.resume('PUT-DESTINATION-HERE', 'PUT-REASON-HERE');
