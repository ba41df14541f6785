-- What has not left yet, since when, and what did the last attempt say?
-- Next: one error for many: the receiver or its secret (how-are-the-routes); no attempt yet and old: is-all-well.
select route, destination, last_outcome, last_status, last_error_code, count(*) as waiting,
       count(*) filter (where is_parked) as behind_another, min(captured_at) as oldest, min(next_attempt_at) as next_attempt
from crm_sync.delivery_log
where status = 'pending'
group by route, destination, last_outcome, last_status, last_error_code
order by waiting desc;
