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

update crm_sync.destinations set rate_per_second = 0.1, rate_tokens = 0, rate_at = '2040-01-01 00:00:00+00' where destination = 'monelec';
insert into leads (id, email) select gen_random_uuid(), 'ada@example.test' from generate_series(1, 10);
create temp table sent as
select n, (select count(*)::int from crm_sync.tick(timestamptz '2040-01-01 00:00:00+00' + n * interval '2 seconds') where step = 'dispatch' and affected = 1) as count
from generate_series(1, 15) as n;

select is((select sum(count)::int from sent), 3, 'three in thirty seconds');
select is((select array_agg(2 * n order by n) from sent where count = 1), array[10, 20, 30], 'ten seconds apart');

select * from finish();
rollback;
