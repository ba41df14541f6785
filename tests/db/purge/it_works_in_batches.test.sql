begin;
set local search_path = public, extensions;
select plan(3);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

-- What a server of somebody's has of its own.
delete from cron.job_run_details;
insert into leads (email) select 'ada@example.test' from generate_series(1, 25);
update crm_sync.deliveries set status = 'delivered', record = '{}', finished_at = now() where captured_at >= now();
insert into cron.job_run_details (jobid, runid, command, status, end_time)
select 1, -n, 'select crm_sync.tick()', 'succeeded', now() from generate_series(1, 25) as n;

select results_eq(
    $$select what, purged_count from crm_sync.purge(clock_timestamp() + interval '8 days', 10) where what in ('records', 'cron runs')$$,
    $$values ('records', 10), ('cron runs', 10)$$, 'so many of each kind');
select is(
    (select count(*)::int from crm_sync.deliveries where captured_at >= now() and record is not null), 15, 'the rest waits for the next run');
select results_eq(
    $$select sum(purged_count) filter (where what = 'records')::int, sum(purged_count) filter (where what = 'cron runs')::int
      from generate_series(1, 3) cross join lateral crm_sync.purge(clock_timestamp() + interval '8 days', 10 + 0 * generate_series)$$,
    $$values (15, 15)$$, 'which ends it');

select * from finish();
rollback;
