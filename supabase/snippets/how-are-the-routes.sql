-- Can anything leave on each route, how much waits, when did the last one arrive?
-- Next: state `stopped`: start-again; `paused`: resume-one-receiver; `misconfigured`: the function's secrets; `down`, `function down`: is-all-well says why.
select route, destination, state, pending_count, in_flight_count, dead_count, oldest_pending_at, last_captured_at, last_delivered_at, is_silent
from crm_sync.route_health
order by route;
