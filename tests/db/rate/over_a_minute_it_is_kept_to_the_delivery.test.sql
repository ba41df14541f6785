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

update crm_sync.destinations set rate_per_second = 2.5, rate_tokens = 0, rate_at = '2040-01-01 00:00:00+00' where destination = 'monelec';
insert into leads (id, email) select gen_random_uuid(), 'ada@example.test' from generate_series(1, 300);
select crm_sync.tick(timestamptz '2040-01-01 00:00:00+00' + n * interval '2 seconds') from generate_series(1, 30) as n;

select is(
    (select count(*)::int from crm_sync.deliveries where captured_at >= now() and status = 'in_flight'), 150, 'thirty ticks of two seconds, 2.5 a second');

select * from finish();
rollback;
