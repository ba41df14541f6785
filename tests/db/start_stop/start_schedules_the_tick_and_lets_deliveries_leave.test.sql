begin;
set local search_path = public, extensions;
select plan(3);
select crm_sync.stop();

select is((crm_sync.start()).is_running, true, 'it returns the settings');
select results_eq(
    $$select schedule, command, active, database = current_database(), username = current_user from cron.job where jobname = 'crm_sync_tick'$$,
    $$values ('2 seconds', crm_sync._tick_command(), true, true, true)$$, 'every two seconds');
select is((select is_running from crm_sync.settings), true, 'and it runs');

select * from finish();
rollback;
