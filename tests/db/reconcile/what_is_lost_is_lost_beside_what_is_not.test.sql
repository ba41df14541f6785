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
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
set constraints all immediate;
-- One request is gone. The other waits in the queue; a stranger once had its id, and a third was answered just now.
delete from net.http_request_queue where id = (select request_id from crm_sync.envelopes where destination = 'monelec' and dispatched_at >= now());
insert into net._http_response (id, status_code, headers, content, created)
select request_id, 200, '{}'::jsonb, '{}', now() from crm_sync.envelopes where destination = 'elementor' and dispatched_at >= now()
union all
select 1000000, 200, '{}', '{}', now();
select crm_sync.tick(clock_timestamp());
select results_eq(
    $$select destination, status from crm_sync.envelopes where dispatched_at >= now() order by destination$$,
    $$values ('elementor', 'in_flight'), ('monelec', 'lost')$$, 'other answers are no answer to it, and what is queued is not lost');
select results_eq(
    $$select destination, status, attempt_count, last_error_code from crm_sync.deliveries where captured_at >= now() order by destination$$,
    $$values ('elementor', 'in_flight', 0, null), ('monelec', 'pending', 1, 'request_lost')$$, 'which its delivery says, too');

select * from finish();
rollback;
