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
update crm_sync.settings set max_envelope_deliveries = 300;

insert into leads (id, email, source) select gen_random_uuid(), 'ada@example.test', repeat('é', 20) from generate_series(1, 300);
insert into leads (id, email, source) select gen_random_uuid(), 'ada@example.test', repeat('x', 25000) from generate_series(1, 5);
select crm_sync.tick();

select results_eq(
    $$select count(distinct envelope_id) > 4, count(*)::int, max(octet_length(queue.body)) <= 65536
      from crm_sync.deliveries join crm_sync.envelopes using (envelope_id)
      join net.http_request_queue as queue on queue.id = envelopes.request_id where captured_at >= now() and deliveries.status = 'in_flight'$$,
    $$values (true, 305, true)$$, '65,536 bytes are the limit of pg_net before 0.20.5');

select * from finish();
rollback;
