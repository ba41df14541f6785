begin;
set local search_path = public, extensions;
select plan(1);
-- A system at work: started, ticking, pg_net's worker there, every check green.
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;
set local application_name = 'pg_net 0.20.4 worker';
select crm_sync.start();
create function pg_temp.has_run(p_status text, p_ago interval default '0') returns void language sql as $$
    insert into cron.job_run_details (runid, jobid, username, command, status, start_time, end_time)
    select (select coalesce(max(runid), 0) + 1 from cron.job_run_details), jobid, current_user, command, p_status, now() - p_ago, now() - p_ago
    from cron.job where jobname = 'crm_sync_tick'
$$;
select pg_temp.has_run('succeeded');
create function pg_temp.red() returns text[] language sql as
    $$ select coalesce(array_agg(check_name || ' ' || level order by check_name), '{}') from crm_sync.health() where level <> 'ok' $$;

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 4) as n;
update crm_sync.deliveries set status = 'dead', finished_at = now() where right(row_id, 1) = '1';
update crm_sync.deliveries set status = 'delivered', finished_at = now() where right(row_id, 1) = '2';
select crm_sync.pause('elementor');
select results_eq(
    $$select route, tables, state, pending_count, dead_count, last_delivered_at = now() from crm_sync.route_health where route in ('lead', 'order_confirmation')$$,
    $$values ('lead', array['public.leads'], 'open', 2::bigint, 1::bigint, true), ('order_confirmation', array['public.orders'], 'paused', 0, 0, null)$$, 'route by route');

select * from finish();
rollback;
