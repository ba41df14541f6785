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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test'), ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
-- What has ended, and what another destination is sent, is no other.
update crm_sync.deliveries set status = 'delivered', finished_at = now(), next_attempt_at = '2020-01-01' where captured_at >= now() and right(row_id, 1) = '2';
update crm_sync.deliveries set next_attempt_at = '2020-01-01' where captured_at >= now() and destination = 'elementor';
update crm_sync.breakers
set state = 'open', reason = 'failures in a row', open_count = 1, open_until = '2040-01-01 00:00:00+00', last_failed_key = 'lead:10000000-0000-4000-8000-000000000001'
where breaker = 'monelec';
select crm_sync.tick('2040-01-01 00:00:00+00');

select is(
    (select status from crm_sync.deliveries where captured_at >= now() and ordering_key = 'lead:10000000-0000-4000-8000-000000000001'),
    'in_flight', 'else nobody would ever know that the receiver is back');

select * from finish();
rollback;
