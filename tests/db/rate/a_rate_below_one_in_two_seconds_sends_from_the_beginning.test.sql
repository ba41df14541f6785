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

-- As a person sets it: nothing was counted yet.
update crm_sync.destinations set rate_per_second = 0.1 where destination = 'monelec';
insert into leads (id, email) select gen_random_uuid(), 'ada@example.test' from generate_series(1, 10);
select crm_sync.tick(timestamptz '2040-01-01 00:00:00+00' + n * interval '2 seconds') from generate_series(1, 30) as n;

select cmp_ok(
    (select count(*)::int from crm_sync.deliveries where captured_at >= now() and status = 'in_flight'), '>=', 5, 'six in a minute');

select * from finish();
rollback;
