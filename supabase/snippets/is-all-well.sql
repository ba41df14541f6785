-- Is all well, and if not, what mends it?
-- Next: run what stands under mend, from the top; `error` means that rows do not reach a receiver, or may not. Empty: all is well.
select check_name, level, detail, mend
from crm_sync.health()
where level <> 'ok'
order by array_position(array['error', 'unknown', 'warning'], level);
