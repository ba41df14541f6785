-- ACTS. Sends a marked record of nobody to the route's receiver, all the way.
-- Fill in the route and why. Next: two seconds later run what stands under see.
select delivery_id, destination_state, see
from crm_sync.test_delivery('PUT-ROUTE-HERE', 'PUT-REASON-HERE');
