begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

update crm_sync.settings set max_envelope_deliveries = 1;
insert into leads (id, email)
select format('10000000-0000-4000-8000-00000000000%s', n)::uuid, 'ada@example.test' from generate_series(1, 4) as n;
update crm_sync.settings set is_running = true;
select crm_sync.tick(clock_timestamp());
select results_eq(
    $$select right(row_id, 1) from crm_sync.deliveries join crm_sync.envelopes on envelopes.envelope_id = deliveries.envelope_id
      where captured_at >= now() order by request_id$$,
    array['1', '2', '3', '4'], 'pg_net sends them in the order of its ids');

select * from finish();
rollback;
