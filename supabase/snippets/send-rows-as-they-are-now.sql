-- ACTS. New deliveries from rows as they are now; they never hold up live ones. Receivers of events get them once more.
-- Fill in the route, the rows' ids and why; by time instead: p_since => now() - interval '1 day'. That takes the oldest 10,000:
-- where more are left who-did-what has goes_on_at, the next p_since. Next: how-are-the-routes.
select count(*) as new_deliveries
from crm_sync.backfill('PUT-ROUTE-HERE', p_row_ids => '{PUT-ROW-IDS-HERE}', p_note => 'PUT-REASON-HERE');
