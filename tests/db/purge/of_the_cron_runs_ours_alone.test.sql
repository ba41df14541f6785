begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into cron.job_run_details (jobid, runid, command, status, start_time, end_time)
select 1, -n, command, status, '2040-06-01'::timestamptz - age - interval '1 s', case when has_ended then '2040-06-01'::timestamptz - age end
from (values (1, crm_sync._tick_command(), 'succeeded', interval '61 minutes', true), (2, 'select crm_sync.tick()', 'succeeded', '59 minutes', true),
             (3, 'select crm_sync.purge()', 'succeeded', '61 minutes', true), (4, crm_sync._tick_command(), 'failed', '24 hours', true),
             (5, 'select crm_sync.tick()', 'failed', '25 hours 1 minute', true), (6, 'select application.nightly()', 'succeeded', '1 year', true),
             (7, 'select crmXsync.tick()', 'succeeded', '1 year', true), (8, 'select crm_sync.tick()', 'running', '61 minutes', false),
             -- A restart: pg_cron calls it failed, and says nothing of its end.
             (9, 'select crm_sync.tick()', 'failed', '25 hours 1 minute', false)) as runs (n, command, status, age, has_ended);
select crm_sync.purge('2040-06-01');

select is(
    (select array_agg(-runid order by -runid) from cron.job_run_details where runid < 0), array[2, 4, 6, 7, 8]::bigint[],
    'after an hour; what failed is kept for a day');

insert into cron.job_run_details (jobid, runid, command, status, end_time)
select 1, -100 - row_number() over (), command, 'succeeded', '2040-06-01'::timestamptz - interval '61 minutes' from crm_sync._wanted_jobs();
select crm_sync.purge('2040-06-01');
select is_empty(
    $$select command from cron.job_run_details where runid < 0 and command in (select command from crm_sync._wanted_jobs()) and status = 'succeeded'$$,
    'of each of our jobs');

select * from finish();
rollback;
