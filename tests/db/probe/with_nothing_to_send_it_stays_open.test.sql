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

delete from crm_sync.deliveries where status = 'pending';
update crm_sync.breakers set state = 'open', reason = 'failures in a row', open_count = 1, open_until = '2040-01-01 00:00:00+00' where breaker = 'monelec';
select crm_sync.tick('2040-01-01 06:00:00+00');
select results_eq(
    $$select state, open_until from crm_sync.breakers where breaker = 'monelec'$$,
    $$values ('open', '2040-01-01 00:00:00+00'::timestamptz)$$, 'due for a probe since then');

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
select crm_sync.tick('2040-01-01 06:00:02+00');
select is((select state from crm_sync.breakers where breaker = 'monelec'), 'half_open', 'the first delivery is the probe');

select * from finish();
rollback;
