-- ACTS. Nothing leaves any more, to no receiver; capture goes on, nothing is lost.
-- Put true in place of the placeholder (as it is, it fails and stops nothing). Next: start-again.
select (crm_sync.stop()).is_running
where 'PUT-TRUE-HERE'::boolean;
