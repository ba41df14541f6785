begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into cron.job_run_details (jobid, runid, command, status, end_time)
select 1, -n, command, status, '2040-06-01'::timestamptz - age
from (values (1, crm_sync._tick_command(), 'succeeded', interval '61 minutes'), (2, 'select crm_sync.tick()', 'succeeded', '59 minutes'),
             (3, 'select crm_sync.purge()', 'succeeded', '61 minutes'), (4, crm_sync._tick_command(), 'failed', '24 hours'),
             (5, 'select crm_sync.tick()', 'failed', '25 hours 1 minute'), (6, 'select application.nightly()', 'succeeded', '1 year'),
             (7, 'select crmXsync.tick()', 'succeeded', '1 year'), (8, 'select crm_sync.tick()', 'running', null)) as runs (n, command, status, age);
select crm_sync.purge('2040-06-01');

select is(
    (select array_agg(-runid order by -runid) from cron.job_run_details where runid < 0), array[2, 4, 6, 7, 8]::bigint[],
    'after an hour; what failed is kept for a day');

select * from finish();
rollback;
