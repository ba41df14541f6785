begin;
set local search_path = public, extensions;
select plan(7);
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

select throws_ok($$select crm_sync.forget('public.customers')$$, 'CS039', 'public.customers is there', 'what is there is detached');
drop table customers cascade;
select throws_ok('select crm_sync.reattach()', '42P01', 'public.customers is gone', 'nothing can be made anew for it');
select is(
    (select mend from crm_sync.health() where check_name = 'columns') like '%select crm_sync.forget(''public.…'');', true, 'health says how');
select is_empty($$select * from crm_sync.forget('public.customers')$$, 'others'' rows alone were captured for it');
select is(pg_temp.red(), array['columns error']::text[], 'its requests still read it');
drop table orders, requests, payments cascade;
select results_eq(
    $$select gone.route from unnest(array['orders', 'requests', 'payments']) as tables (name),
             crm_sync.forget('public.' || tables.name) as gone order by 1$$,
    $$values ('order_confirmation'), ('payment_intent'), ('payment_session'), ('payment_status'), ('request')$$, 'what was attached');
select is(pg_temp.red() || array(select crm_sync.reattach()), array['public.leads'], 'then all is well');

select * from finish();
rollback;
