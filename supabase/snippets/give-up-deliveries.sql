-- ACTS. Cancels pending or dead deliveries for good; the next of their keys go on.
-- Fill in the ids and why. Next: nothing; one in flight is not stopped, reason says so.
select delivery_id, cancelled, reason
from crm_sync.cancel('{PUT-DELIVERY-IDS-HERE}', p_note => 'PUT-REASON-HERE');
