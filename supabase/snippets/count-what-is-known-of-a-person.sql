-- ACTS: leaves a line in crm_sync.operations, erases nothing. Which rows and how many deliveries tell of one person?
-- Fill in email or phone. Next: erase-a-person.
select table_name, row_id, delivery_count, erased
from crm_sync.erase_person(p_email => 'PUT-EMAIL-HERE', p_phone => null);
