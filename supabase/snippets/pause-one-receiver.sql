-- ACTS. Nothing more is dispatched to one receiver; capture goes on, nothing is lost, no attempt is used up.
-- Fill in the destination (monelec, elementor) and why. Next: resume-one-receiver.
select destination, is_paused
from crm_sync.pause('PUT-DESTINATION-HERE', 'PUT-REASON-HERE');
