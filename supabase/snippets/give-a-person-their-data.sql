-- ACTS: leaves a line in crm_sync.operations. Everything known here of one person, by email or phone. The answer is personal data: for them alone.
-- Fill in one of both (the other stays null). Next: export as CSV; erase-a-person if they ask for it.
select kind, table_name, row_id, route, destination, status, captured_at, data
from crm_sync.export_person(p_email => 'PUT-EMAIL-HERE', p_phone => null);
