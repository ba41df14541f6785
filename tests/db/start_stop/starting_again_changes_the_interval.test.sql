begin;
set local search_path = public, extensions;
select plan(1);

select crm_sync.start();
select crm_sync.start('5 seconds');
select is(
    (select array_agg(schedule) from cron.job where jobname = 'crm_sync_tick'), array['5 seconds'], 'one job, not two');

select * from finish();
rollback;
