begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = true, max_deliveries_at_once = 2;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into leads (email) select 'lead-' || number || '@example.test' from generate_series(1, 25) as numbers (number);
select crm_sync.tick();
select is(
    (select count(*)::int from crm_sync.deliveries where captured_at >= now() and status = 'in_flight'), 2,
    'a tick hands over two');
select crm_sync.tick();
select is(
    (select count(*)::int from crm_sync.deliveries where captured_at >= now() and status = 'in_flight'), 4,
    'and the next one two more, while the first are being sent');

select * from finish();
rollback;
