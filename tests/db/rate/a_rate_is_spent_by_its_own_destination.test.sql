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


update crm_sync.destinations set rate_per_second = 5, rate_tokens = 10, rate_at = '2040-01-01 00:00:00+00';
insert into leads (id, email) select gen_random_uuid(), 'ada@example.test' from generate_series(1, 3);
select crm_sync.tick('2040-01-01 00:00:00+00');

select results_eq(
    $$select destination, rate_tokens from crm_sync.destinations order by destination$$,
    $$values ('elementor', 10::numeric), ('monelec', 7)$$, 'a delivery to one leaves the other its own');
select is(
    (select (crm_sync._rate_allows(destinations, '2040-01-01 01:00:00+00')) from crm_sync.destinations where destination = 'monelec'),
    10, 'and a quiet hour fills it with two seconds'' worth, not more');

select * from finish();
rollback;
