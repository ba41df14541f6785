-- What happened to one row? Captured, each attempt, each operator's call, how it stands.
-- Fill in the table and the row's id. Next: no rows at all: nothing was captured, see which-rows-were-never-sent.
select at, delivery_id, route, step, detail
from crm_sync.trace('public.leads', 'PUT-ROW-ID-HERE');
