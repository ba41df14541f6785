begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into requests (id, status) values ('20000000-0000-4000-8000-000000000001', 'submitted');
set constraints all immediate;
set constraints all deferred;
insert into payments (request_id, stripe_session_id) values ('20000000-0000-4000-8000-000000000001', 'cs_1');
select crm_sync.tick();
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
update crm_sync.deliveries set next_attempt_at = clock_timestamp() + interval '1 hour' where captured_at >= now() and route = 'lead';
update crm_sync.breakers set state = 'open', reason = 'failures in a row', open_count = 1, open_until = clock_timestamp() where breaker = 'monelec';
select crm_sync.tick();

select results_eq(
    $$select route, status from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('request', 'in_flight'), ('payment_session', 'pending'), ('lead', 'in_flight')$$, 'another key is');

select * from finish();
rollback;
