-- ACTS, and is not to be undone: empties the records of every delivery that tells of one person, cancels those that wait.
-- First count-what-is-known-of-a-person. Fill in email or phone, and a note without their name. Next: delete the application's own rows; the receivers keep what they were told: ask them.
select table_name, row_id, delivery_count, erased
from crm_sync.erase_person(p_email => 'PUT-EMAIL-HERE', p_phone => null, p_count_only => false, p_note => 'PUT-REASON-HERE');
