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

-- Expecting one row, it joins by asking the locking subquery again for each row, which finds the next ones each time.
delete from crm_sync.deliveries;
analyze crm_sync.deliveries;
insert into leads (email) select 'ada@example.test' from generate_series(1, 25);
update crm_sync.deliveries set status = 'delivered', record = '{}', finished_at = now() where captured_at >= now();

select results_eq(
    $$select purged_count from crm_sync.purge('2041-01-01', 10) where what = 'deliveries'$$, array[10], 'ten of twenty-five');

select * from finish();
rollback;
