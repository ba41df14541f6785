-- ACTS. Schedules the tick; what was captured meanwhile leaves. On a copy (staging, a restored backup): never, it would send.
-- Put true in place of the placeholder. Next: is-all-well.
select (crm_sync.start()).is_running
where 'PUT-TRUE-HERE'::boolean;
