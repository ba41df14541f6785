begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
set constraints all immediate;
update crm_sync.settings set is_running = false;
select crm_sync.tick('2040-01-01 00:00:00+00');

select is_empty(
    $$select id from net.http_request_queue join crm_sync.envelopes on envelopes.request_id = http_request_queue.id where dispatched_at >= now()$$,
    'it will not be sent');
select results_eq(
    $$select deliveries.status, attempt_count, last_outcome, last_error_code, next_attempt_at, envelopes.status, settled_at
      from crm_sync.deliveries cross join crm_sync.envelopes where captured_at >= now() and dispatched_at >= now()$$,
    $$values ('pending', 0, 'not_attempted', 'taken_back', '2040-01-01 00:00:00+00'::timestamptz, 'taken_back', '2040-01-01 00:00:00+00'::timestamptz)$$,
    'no attempt counted, due at once');

select * from finish();
rollback;
