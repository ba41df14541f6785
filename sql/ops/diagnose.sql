-- Everything a maintainer needs to look into a report, in one output: psql "$DATABASE_URL" -X -f sql/ops/diagnose.sql > diagnose.txt
-- Changes nothing, waits for no lock, ends after 30 s a statement. A statement that fails stops no other.
-- Holds no value of a row, no row id, no URL, no secret, no note and no name of an operator: safe to attach to an issue.
-- Run by hand, never installed. Role: owner of crm_sync.
\set QUIET on
\pset pager off
\pset null '∅'
set default_transaction_read_only = on;
set statement_timeout = '30s';
set lock_timeout = '100ms';
set timezone = 'UTC';

\echo '== Server and extensions'
select current_setting('server_version') as postgres, now() as at, now() - pg_postmaster_start_time() as up_for, pg_is_in_recovery() as is_replica;
select extname, extversion from pg_catalog.pg_extension where extname in ('pg_net', 'pg_cron', 'supabase_vault', 'pgcrypto') order by extname;
select name, setting from pg_catalog.pg_settings
where name in ('pg_net.batch_size', 'pg_net.ttl', 'cron.max_running_jobs', 'cron.use_background_workers', 'cron.log_run', 'max_connections',
               'max_worker_processes', 'shared_buffers', 'synchronous_commit', 'autovacuum', 'default_transaction_isolation')
order by name;

\echo '== Which crm-sync: equal fingerprints are equal code'
select crm_sync.version() as version, count(*) as functions, md5(string_agg(pg_get_functiondef(functions.oid), '' order by functions.oid::regprocedure::text)) as fingerprint
from pg_catalog.pg_proc as functions
where functions.pronamespace = 'crm_sync'::regnamespace and functions.prokind = 'f'
  -- Generated for each attached table: two underscores.
  and functions.proname not like '%\_\_%';

\echo '== Health'
select check_name, level, case when check_name <> 'running' or level = 'ok' then detail else 'not running' end as detail from crm_sync.health();

\echo '== Settings, destinations, routes, what is attached'
select jsonb_pretty(to_jsonb(settings) - 'started_on') as settings from crm_sync.settings;
select * from crm_sync.destinations order by destination;
select route, kind, destination, test_record is not null as has_test_record from crm_sync.routes order by position;
select table_name, route, watched, columns, ordering_key, condition, transition, attached_at from crm_sync.attachments order by table_name, route;
select table_name, route, target_table, watched, attached_at from crm_sync.related_attachments order by table_name, route;
select triggers.tgrelid::regclass as on_table, triggers.tgname as trigger, triggers.tgenabled as enabled
from pg_catalog.pg_trigger as triggers
where triggers.tgrelid in (select to_regclass(table_name) from crm_sync.attachments union select to_regclass(table_name) from crm_sync.related_attachments)
  and not triggers.tgisinternal
order by 1, 2;

\echo '== Breakers'
select breaker, state, reason, open_until, open_count, opened_at, failures_in_a_row, failing_since, cardinality(failing_keys) as failing_keys, last_success_at
from crm_sync.breakers order by breaker;

\echo '== Routes, and the ledger by status and error'
select route, state, pending_count, in_flight_count, dead_count, oldest_pending_at, last_captured_at, last_delivered_at, usual_gap, is_silent
from crm_sync.route_health order by route;
select route, status, last_outcome, last_status, last_error_code, count(*), count(*) filter (where is_parked) as parked,
       max(attempt_count) as most_attempts, min(captured_at) as oldest, max(captured_at) as newest
from crm_sync.delivery_log group by 1, 2, 3, 4, 5 order by 1, 2, count(*) desc limit 200;
select last_error_code, count(*), (array_agg(last_error order by delivery_id desc))[1] as newest_error
from crm_sync.delivery_log where status in ('pending', 'dead') and last_error is not null group by 1 order by 2 desc limit 20;

\echo '== Attempts and envelopes of the last day'
select outcome, is_counted, status, error_code, count(*), max(settled_at) as newest,
       percentile_cont(array[0.5, 0.99]) within group (order by round(extract(epoch from settled_at - dispatched_at)::numeric, 3)) as seconds_p50_p99
from crm_sync.delivery_attempts where settled_at > now() - interval '1 day' group by 1, 2, 3, 4 order by count(*) desc limit 50;
select destination, status, http_status, is_probe, count(*), sum(delivery_count) as deliveries, max(dispatched_at) as newest
from crm_sync.envelopes where dispatched_at > now() - interval '1 day' group by 1, 2, 3, 4 order by 5 desc limit 50;

\echo '== pg_net: what waits, and what came back'
select queue.id in (select request_id from crm_sync.envelopes where status = 'in_flight') as is_ours, count(*) from net.http_request_queue as queue group by 1;
select answers.id in (select request_id from crm_sync.envelopes) as looks_ours, status_code, timed_out, error_msg is not null as failed, count(*), max(created) as newest
from net._http_response as answers group by 1, 2, 3, 4 order by 5 desc limit 30;

\echo '== pg_cron'
select jobname, schedule, active, database = current_database() as in_this_database from cron.job where jobname like 'crm\_sync\_%' order by jobname;
select jobs.jobname, runs.status, count(*), max(runs.start_time) as newest, max(runs.end_time - runs.start_time) as longest
from (select * from cron.job_run_details order by runid desc limit 20000) as runs
join cron.job as jobs on jobs.jobid = runs.jobid and jobs.jobname like 'crm\_sync\_%'
group by 1, 2 order by 1, 2;

\echo '== What crm-sync caught, and what it has still to capture'
select place, sql_state, detail, count(*), min(noticed_at) as first, max(noticed_at) as last from crm_sync.faults group by 1, 2, 3 order by last desc limit 50;
select table_name, operation, sql_state, detail, count(*), sum(cardinality(row_ids)) as rows, max(retry_count) as most_retries, min(failed_at) as oldest
from crm_sync.capture_failures group by 1, 2, 3, 4 order by 5 desc limit 50;
select count(*) as related_changes from crm_sync.related_changes;
select changed_since, horizon, value as seen, (select case when is_called then last_value else 0 end from crm_sync.unstored_changes) as counted from crm_sync.unstored_seen;

\echo '== What operators did (who and why is left out)'
select operated_at, action, affected_count from crm_sync.operations order by operation_id desc limit 50;

\echo '== Size, vacuum, locks, sessions'
select relname, n_live_tup, n_dead_tup, pg_size_pretty(pg_table_size(relid)) as data, pg_size_pretty(pg_indexes_size(relid)) as indexes, last_autovacuum, last_autoanalyze
from pg_catalog.pg_stat_user_tables where schemaname in ('crm_sync', 'net', 'cron') order by pg_total_relation_size(relid) desc;
select indexrelname, idx_scan, pg_size_pretty(pg_relation_size(indexrelid)) as size from pg_catalog.pg_stat_user_indexes where schemaname = 'crm_sync' order by 1;
select locks.relation::regclass as on_table, locks.mode, locks.granted, now() - sessions.xact_start as transaction_age, sessions.state
from pg_catalog.pg_locks as locks
join pg_catalog.pg_stat_activity as sessions using (pid)
join pg_catalog.pg_class as classes on classes.oid = locks.relation and classes.relnamespace in ('crm_sync'::regnamespace, 'net'::regnamespace)
where locks.database = (select oid from pg_catalog.pg_database where datname = current_database()) and locks.pid <> pg_backend_pid()
order by transaction_age desc nulls last limit 50;
select backend_type, state, wait_event_type, wait_event, count(*), max(now() - xact_start) as longest_transaction
from pg_catalog.pg_stat_activity group by 1, 2, 3, 4 order by 5 desc limit 30;
