begin;
set local search_path = public, extensions;
select plan(3);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;
update crm_sync.settings set max_envelope_deliveries = 10, max_requests_in_flight = 3;

insert into leads (id, email) select gen_random_uuid(), 'ada@example.test' from generate_series(1, 45);
select results_eq($$select affected from crm_sync.tick() where step = 'dispatch'$$, array[3], 'three requests');
select results_eq($$select affected from crm_sync.tick() where step = 'dispatch'$$, array[0], 'and none while they are under way');

select results_eq(
    $$select status, count(*)::int from crm_sync.deliveries where captured_at >= now() group by 1 order by 1$$,
    $$values ('in_flight', 30), ('pending', 15)$$, 'ten in each');

select * from finish();
rollback;
