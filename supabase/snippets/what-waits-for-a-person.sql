-- Which deliveries are dead, why, and what mends each?
-- Next: correct the row (it is sent again by itself), or send-these-deliveries-again, or give-up-deliveries.
select delivery_id, dead_at, route, table_name, row_id, last_status, last_error_code, last_error, mend
from crm_sync.dead_letters
order by dead_at desc
limit 200;
