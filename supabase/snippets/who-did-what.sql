-- Which operator did what, when, to how many, and why?
-- Next: nothing; each call of an operator's function left its line here. Notes are free text and may name people.
select operated_at, operator, action, arguments, affected_count, note
from crm_sync.operations
order by operation_id desc
limit 100;
