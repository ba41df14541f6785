begin;
set local search_path = public, extensions;
select plan(5);
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

select crm_sync.start();
select cron.unschedule('crm_sync_repair');
select cron.alter_job(jobid, schedule => '5 3 * * *', command => 'select crm_sync.purge()', active => false) from cron.job where jobname = 'crm_sync_purge';
drop table orders cascade;
drop function crm_sync._record__leads__lead(bigint[]);
select lives_ok('select crm_sync._finish_upgrade()', 'what is broken holds up nothing');
select has_function('crm_sync', '_record__leads__lead', array['bigint[]'], 'the others are made anew');
select results_eq('select place from crm_sync.faults', $$values ('upgrade of public.orders')$$, 'and it is told');
select results_eq(
    $$select schedule, active, command = crm_sync._purge_command() from cron.job where jobname = 'crm_sync_purge'$$,
    $$values ('5 3 * * *', false, true)$$, 'a job that was put off stays off, and does what this release does');
select is_empty($$select from cron.job where jobname = 'crm_sync_repair'$$, 'one that was taken away does not come back');

select * from finish();
rollback;
