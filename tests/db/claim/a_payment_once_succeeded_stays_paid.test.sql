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

insert into requests (id, status) values ('20000000-0000-4000-8000-000000000001', 'draft');
insert into payments (id, request_id, status) values ('40000000-0000-4000-8000-000000000001', '20000000-0000-4000-8000-000000000001', 'succeeded');
update payments set status = 'disputed' where id = '40000000-0000-4000-8000-000000000001';
update requests set status = 'submitted' where id = '20000000-0000-4000-8000-000000000001';
set constraints all immediate;

select is(
    (select record -> 'has_succeeded_payment' from crm_sync.deliveries where route = 'request' and captured_at >= now()), 'true'::jsonb,
    'the ledger has seen it succeed');

select * from finish();
rollback;
