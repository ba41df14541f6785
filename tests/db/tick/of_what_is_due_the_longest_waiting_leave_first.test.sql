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

update crm_sync.destinations set max_deliveries_in_flight = 2 where destination = 'monelec';
insert into leads (id, email)
select format('10000000-0000-4000-8000-00000000000%s', n)::uuid, 'ada@example.test' from generate_series(1, 5) as n;
-- The last one has waited longest, the others equally long.
update crm_sync.deliveries
set is_backfill = false, next_attempt_at = now() - case when row_id like '%5' then interval '2 minutes' else interval '1 minute' end
where captured_at >= now();
update crm_sync.settings set is_running = true;
select crm_sync.tick(now());
select results_eq(
    $$select right(row_id, 1) from crm_sync.deliveries where captured_at >= now() and status = 'in_flight' order by delivery_id$$,
    array['1', '5'], 'the longest waiting, then the first captured');

select * from finish();
rollback;
