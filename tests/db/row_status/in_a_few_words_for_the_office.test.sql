begin;
set local search_path = public, extensions;
select plan(13);
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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
create function pg_temp.said() returns text language sql as
    $$ select crm_sync.row_status('leads', '10000000-0000-4000-8000-000000000001', '2039-06-15 16:00:00+00') $$;
select is(pg_temp.said(), 'waiting: it is sent next', 'new');
update crm_sync.deliveries set status = 'in_flight', envelope_id = gen_random_uuid();
select is(pg_temp.said(), 'being sent', 'under way');
update crm_sync.deliveries set status = 'delivered', envelope_id = null, finished_at = '2039-06-15 12:02:00+00';
select is(pg_temp.said(), 'delivered 14:02', 'today, by the clock in Paris');
update crm_sync.deliveries set finished_at = '2039-06-14 12:02:00+00';
select is(pg_temp.said(), 'delivered 2039-06-14 14:02', 'on another day');
update crm_sync.deliveries set status = 'pending', finished_at = null, last_outcome = 'retry', attempt_count = 2, next_attempt_at = '2039-06-15 16:10:00+00';
select is(pg_temp.said(), 'waiting: tried 2 times, again at 18:10', 'tried');
update crm_sync.deliveries set attempt_count = 0;
select is(pg_temp.said(), 'waiting: not sent yet, again at 18:10', 'tried without a word of the receiver');
update crm_sync.breakers set state = 'open', reason = 'failures in a row', open_until = '2039-06-15 17:00:00+00', opened_at = '2039-06-15 11:50:00+00' where breaker = 'monelec';
select is(pg_temp.said(), 'waiting: monelec down since 13:50', 'the receiver is down');
update crm_sync.breakers set reason = 'misconfigured' where breaker = 'monelec';
update crm_sync.deliveries set last_error_code = 'missing_secret';
select is(pg_temp.said(), 'waiting: monelec is not set up (missing_secret)', 'or not set up');
select crm_sync.pause('monelec');
select is(pg_temp.said(), 'waiting: monelec is paused', 'paused');
update crm_sync.deliveries set status = 'dead', finished_at = now(), last_outcome = 'reject', last_error_code = 'invalid_record',
    last_error = 'quantity: expected a whole number of at least 1; unit_price: expected a number of at least 0';
select is(pg_temp.said(), 'needs correction: quantity, unit_price', 'the row is at fault');
update crm_sync.deliveries set last_error_code = 'receiver_status_422', last_status = 422;
select is(pg_temp.said(), 'needs correction: refused by monelec (422)', 'or so the receiver says');
update crm_sync.deliveries set last_outcome = 'retry', last_error_code = 'poison';
select is(pg_temp.said(), 'not delivered: poison', 'it went dead otherwise');
update crm_sync.deliveries set status = 'cancelled', last_error_code = 'row_deleted';
select is(pg_temp.said(), 'not sent: row deleted', 'given up');

select * from finish();
rollback;
