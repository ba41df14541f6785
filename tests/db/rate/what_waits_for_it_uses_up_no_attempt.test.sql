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

update crm_sync.destinations set rate_per_second = 1, rate_tokens = 0, rate_at = '2040-01-01 00:00:00+00' where destination = 'monelec';
insert into leads (id, email) select gen_random_uuid(), 'ada@example.test' from generate_series(1, 3);
select crm_sync.tick('2040-01-01 00:00:00.999+00');
select results_eq(
    $$select status, attempt_count, count(*)::int from crm_sync.deliveries where captured_at >= now() group by 1, 2$$,
    $$values ('pending', 0, 3)$$, 'not before its time');

select crm_sync.tick('2040-01-01 00:00:01+00');
select results_eq(
    $$select status, attempt_count, count(*)::int from crm_sync.deliveries where captured_at >= now() group by 1, 2 order by 1$$,
    $$values ('in_flight', 0, 1), ('pending', 0, 2)$$, 'one a second');

select * from finish();
rollback;
