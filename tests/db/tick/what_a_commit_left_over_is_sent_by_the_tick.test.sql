begin;
set local search_path = public, extensions;
select plan(3);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;
update crm_sync.settings set max_envelope_bytes = 1000000, max_delivery_bytes = 1000000;

insert into leads (id, email) select gen_random_uuid(), 'ada@example.test' from generate_series(1, 250);
select results_eq($$select affected from crm_sync.tick() where step = 'dispatch'$$, array[3], 'three requests');

select results_eq(
    $$select count(*)::int from crm_sync.deliveries where captured_at >= now() and status = 'in_flight' group by envelope_id order by 1$$,
    array[50, 100, 100], 'of a hundred deliveries at most');
select results_eq(
    $$select delivery_count, jsonb_array_length(convert_from(body, 'UTF8')::jsonb -> 'deliveries')
      from crm_sync.envelopes join net.http_request_queue on id = request_id where dispatched_at >= now() order by 1$$,
    $$values (50, 50), (100, 100), (100, 100)$$, 'as their envelopes say');

select * from finish();
rollback;
