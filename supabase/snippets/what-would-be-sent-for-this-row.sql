-- ACTS, a little: asks the function what it would send for a row as it is now. No receiver is called, the values come back masked.
-- Fill in the table and the row's id. Next: a second later run what stands under see.
select routes, see
from crm_sync.dry_run('public.leads', 'PUT-ROW-ID-HERE');
