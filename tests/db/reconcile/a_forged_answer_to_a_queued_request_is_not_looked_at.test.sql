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
insert into net._http_response (id, status_code, headers, content, created)
select request_id, 200, '{}', '{"results": []}', now() from crm_sync.envelopes where dispatched_at >= now();
select crm_sync.tick();

select results_eq(
    $$select deliveries.status, envelope_failure_count, envelopes.status from crm_sync.deliveries join crm_sync.envelopes using (envelope_id) where captured_at >= now()$$,
    $$values ('in_flight', 0, 'in_flight')$$, 'the true one is still to come');
select is((select count(*)::int from crm_sync.envelopes where dispatched_at >= now()), 1, 'and nothing is sent twice');

select * from finish();
rollback;
