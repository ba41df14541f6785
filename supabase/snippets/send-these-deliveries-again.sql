-- ACTS. Gives finished deliveries all their attempts again, under their old idempotency key.
-- Fill in the ids (what-waits-for-a-person lists them) and why. Next: reason says why one was refused; then what-happened-to-this-row.
select delivery_id, redelivered, reason
from crm_sync.redeliver('{PUT-DELIVERY-IDS-HERE}', p_note => 'PUT-REASON-HERE');
