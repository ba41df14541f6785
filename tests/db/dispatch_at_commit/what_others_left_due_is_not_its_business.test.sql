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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
update crm_sync.deliveries set next_attempt_at = now() - interval '1 minute' where captured_at >= now();
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
set constraints all immediate;
select results_eq(
    $$select row_id, status from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('10000000-0000-4000-8000-000000000001', 'pending'), ('10000000-0000-4000-8000-000000000002', 'in_flight')$$,
    'a commit waits for its own deliveries alone; the tick sends the rest');

select * from finish();
rollback;
