-- Which tables fire which route, on which columns, under which condition?
-- Next: a column that is not watched changes without a delivery; attach() again with it. What is sent for it: docs/contract.md.
select table_name, route, destination, kind, watched, condition, transition
from crm_sync.attachments
join crm_sync.routes using (route)
order by position;
