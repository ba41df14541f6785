begin;
set local search_path = public, extensions;
select plan(8);
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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test'), ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
update crm_sync.deliveries
set claimed_at = now() - interval '2 hours', next_attempt_at = now() + interval '15 minutes', wait_count = 3,
    last_outcome = 'misconfigured', last_error_code = 'receiver_status_404'
where row_id = '10000000-0000-4000-8000-000000000001';
select is(pg_temp.red(), array['tried_in_vain error'], 'that check alone');
select is(
    (select detail from crm_sync.health(now()) where check_name = 'tried_in_vain'), '1 of lead for 2 h (receiver_status_404)', 'in words');
update crm_sync.deliveries set last_outcome = 'not_attempted', last_error_code = 'expired' where wait_count = 3;
select is(pg_temp.red(), array['tried_in_vain error'], 'also where the clocks differ');
update crm_sync.breakers set state = 'open', open_until = now() + interval '1 minute', opened_at = now() where breaker = 'monelec';
select is(pg_temp.red(), array['breakers error'], 'not while its receiver takes nobody');
update crm_sync.breakers set state = 'closed', open_until = null, opened_at = null where breaker = 'monelec';
update crm_sync.deliveries set wait_count = 2 where wait_count = 3;
select is(pg_temp.red(), '{}', 'not at once');
update crm_sync.deliveries
set wait_count = 0, attempt_count = 5, last_outcome = 'retry', last_error_code = 'receiver_status_503' where wait_count = 2;
select is(pg_temp.red(), array['tried_in_vain warning'], 'and what would go dead one day turns it yellow');
update crm_sync.deliveries set claimed_at = now() - interval '4 minutes' where attempt_count = 5;
select is(pg_temp.red(), '{}', 'not before its time');

update crm_sync.deliveries
set attempt_count = 0, claimed_at = null, last_outcome = null, last_error_code = 'record_not_built', captured_at = now() - interval '6 minutes'
where attempt_count = 5;
select is(pg_temp.red(), array['tried_in_vain error'], 'also what can not be read');

select * from finish();
rollback;
