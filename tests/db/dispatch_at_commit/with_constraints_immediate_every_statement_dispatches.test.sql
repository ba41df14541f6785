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

set constraints all immediate;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000002', 'bob@example.test');

select is(
    (select array_agg(status) from crm_sync.deliveries where captured_at >= now()), array['in_flight', 'in_flight'],
    'the second statement of the transaction, too');

select * from finish();
rollback;
