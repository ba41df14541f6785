begin;
set local search_path = public, extensions;
select plan(5);
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

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 2) as n;
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
select from crm_sync.detach('public.leads');
drop table leads, orders;
select from crm_sync.tick();
delete from crm_sync.faults where place not like 'record of %';
select is(array_remove(pg_temp.red(), 'faults warning'), array['columns error']::text[], 'that check alone, beside the fault itself');
select is(
    (select detail from crm_sync.health() where check_name = 'columns'), 'public.leads is gone: 2 deliveries wait for it; public.orders is gone', 'in words');
select from crm_sync.forget('public.orders');
select is(
    (select detail from crm_sync.health() where check_name = 'columns'), 'public.leads is gone: 2 deliveries wait for it', 'one that was detached before, too');
select from crm_sync.forget('public.leads');
select is((select level from crm_sync.health() where check_name = 'columns'), 'ok', 'green when it is mended');
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now() and status = 'pending'), 0, 'and nothing waits');

select * from finish();
rollback;
