begin;
set local search_path = public, extensions;
select plan(4);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;
select crm_sync.start();

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
set constraints all immediate;
select is((crm_sync.stop()).is_running, false, 'it returns the settings');

select is_empty($$select jobid from cron.job where jobname = 'crm_sync_tick'$$, 'no tick is scheduled');
select is_empty(
    $$select id from net.http_request_queue join crm_sync.envelopes on envelopes.request_id = http_request_queue.id where dispatched_at >= now()$$,
    'our request is out of pg_net''s queue');
select results_eq(
    $$select deliveries.status, attempt_count, last_outcome, last_error_code, envelopes.status from crm_sync.deliveries
      cross join crm_sync.envelopes where captured_at >= now() and dispatched_at >= now()$$,
    $$values ('pending', 0, 'not_attempted', 'taken_back', 'taken_back')$$, 'no attempt counted');

select * from finish();
rollback;
