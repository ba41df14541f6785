-- Which rows of the last two days should have been sent as they are now, and were not?
-- Next: up to 100 a table the nightly repair sends (now: select * from crm_sync.repair_missing();); more: send-rows-as-they-are-now.
select tables.table_name, missing.route, missing.row_id, missing.reason
from (select distinct table_name from crm_sync.attachments) as tables
cross join lateral crm_sync.find_missing(tables.table_name::regclass, now() - interval '2 days') as missing
limit 500;
