-- Which rows of the last two days should have been sent as they are now, and were not?
-- Not looked at: tables that are gone, or have neither updated_at nor created_at; health(), missing_rows, names them.
-- Next: up to 100 a table and route the nightly repair sends (now: select * from crm_sync.repair_missing();); more: send-rows-as-they-are-now.
select tables.table_name, missing.route, missing.row_id, missing.reason
from (
    select distinct attachments.table_name from crm_sync.attachments
    join pg_attribute as columns on columns.attrelid = to_regclass(attachments.table_name)
    where columns.attname in ('updated_at', 'created_at') and columns.atttypid in ('timestamptz'::regtype, 'timestamp'::regtype)
) as tables
cross join lateral crm_sync.find_missing(tables.table_name::regclass, now() - interval '2 days') as missing
limit 500;
