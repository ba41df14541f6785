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

update crm_sync.destinations set rate_per_second = 5, rate_tokens = 0, rate_at = '2039-01-01' where destination = 'monelec';
insert into leads (id, email) select gen_random_uuid(), 'ada@example.test' from generate_series(1, 100);
select crm_sync.tick('2040-01-01 00:00:00+00');
select is(
    (select count(*)::int from crm_sync.deliveries where captured_at >= now() and status = 'in_flight'), 10, 'no more, however quiet it was');

select crm_sync.tick('2040-01-01 00:00:00.1+00');
select is(
    (select count(*)::int from crm_sync.deliveries where captured_at >= now() and status = 'in_flight'), 10, 'and then none for a while');

select * from finish();
rollback;
