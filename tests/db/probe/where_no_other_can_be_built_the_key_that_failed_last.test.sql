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
insert into payments (stripe_session_id) values ('cs_failed_last');
update crm_sync.deliveries set next_attempt_at = '2040-01-01 06:00:00+00' where captured_at >= now() and route = 'payment_session';
update crm_sync.breakers
set state = 'open', reason = 'failures in a row', open_count = 1, open_until = '2040-01-01 00:00:00+00',
    last_failed_key = (select ordering_key from crm_sync.deliveries where captured_at >= now() and route = 'payment_session')
where breaker = 'monelec';
alter table leads rename column utm_campaign to renamed;
select crm_sync.tick('2040-01-01 00:00:00+00');
select crm_sync.tick('2040-01-01 00:00:02+00');

select is(
    (select status from crm_sync.deliveries where captured_at >= now() and route = 'payment_session'), 'in_flight',
    'not one that can not leave again and again, until the other''s own time has come');

select * from finish();
rollback;
