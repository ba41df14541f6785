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
set constraints all immediate;
set constraints all deferred;
update leads set phone = '06' where id = '10000000-0000-4000-8000-000000000001';
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
update crm_sync.breakers set state = 'open', reason = 'failures in a row', open_count = 1, open_until = clock_timestamp() where breaker = 'monelec';
select crm_sync.tick();

select is(
    (select status from crm_sync.deliveries where captured_at >= now() and right(row_id, 1) = '2'), 'in_flight', 'what waits behind one under way can not be the probe');

select * from finish();
rollback;
