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
update crm_sync.settings set max_envelope_deliveries = 2, max_requests_in_flight = 1;

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 4) as n;
update crm_sync.deliveries set next_attempt_at = now() - right(row_id, 1)::int * interval '1 minute' where captured_at >= now();
select crm_sync.tick();

select is(
    (select array_agg(right(row_id, 1) order by row_id) from crm_sync.deliveries where captured_at >= now() and status = 'in_flight'),
    array['3', '4'], 'by the time since which they are due');

select * from finish();
rollback;
