-- How much room does crm-sync take, and is it purged?
-- Next: dead rows beyond a fifth of the live ones: is autovacuum at work? Older than keep_trace: is the job crm_sync_purge there (is-all-well)?
select stats.relname as table_name, stats.n_live_tup as rows, stats.n_dead_tup as dead_rows,
       pg_size_pretty(pg_total_relation_size(stats.relid)) as size, stats.last_autovacuum
from pg_catalog.pg_stat_user_tables as stats
where stats.schemaname = 'crm_sync'
order by pg_total_relation_size(stats.relid) desc;
