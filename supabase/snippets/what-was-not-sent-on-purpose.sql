-- Which deliveries were cancelled, and why?
-- capture_off: an operator's mass correction; from_origin: written by the receiver itself; row_deleted; table_gone; erased; cancelled_by_operator.
-- Next: to send them after all: send-these-deliveries-again with their ids (not what was erased).
select last_error_code as why, route, count(*), min(captured_at) as first, max(captured_at) as last, (array_agg(delivery_id order by delivery_id desc))[1:20] as newest_ids
from crm_sync.delivery_log
where status = 'cancelled'
group by last_error_code, route
order by last desc;
