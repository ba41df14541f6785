begin;
set local search_path = public, extensions;
select plan(6);
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

alter table leads rename to contacts;
select is(pg_temp.red(), array['triggers error']::text[], 'that check alone');
select results_eq(
    $$select detail, mend from crm_sync.health(now()) where check_name = 'triggers'$$,
    $$values ('of another name: public.contacts has those of public.leads',
              'select crm_sync.reattach(); Then what was missed: select * from crm_sync.repair_missing();')$$, 'in words');
select from crm_sync.reattach();
select is(pg_temp.red(), '{}', 'green when it is mended');

create table contacts_new (like contacts including all);
alter table contacts rename to contacts_old;
alter table contacts_new rename to contacts;
select is(
    (select detail from crm_sync.health() where check_name = 'triggers'),
    'dropped: crm_sync_capture_insert on public.contacts, crm_sync_capture_update on public.contacts; of another name: public.contacts_old has those of public.contacts',
    'one that took another''s place, too');
select from crm_sync.reattach();
select is(pg_temp.red(), '{}', 'green when it is mended');
alter trigger crm_sync_capture_insert on contacts rename to capture_insert;
select is(
    (select detail from crm_sync.health() where check_name = 'triggers'),
    'dropped: crm_sync_capture_insert on public.contacts; of another name: capture_insert on public.contacts', 'and a trigger that was renamed');

select * from finish();
rollback;
