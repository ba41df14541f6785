-- Which errors of its own did crm-sync catch, instead of failing the application?
-- Next: a place named "tick: …" repeats until its cause is gone; a change that capture missed is kept, see is-all-well (capture_failures).
select noticed_at, place, sql_state, detail
from crm_sync.faults
order by fault_id desc
limit 50;
