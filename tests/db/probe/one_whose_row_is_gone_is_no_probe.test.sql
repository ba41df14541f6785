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

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 2) as n;
delete from leads where id = '10000000-0000-4000-8000-000000000001';
update crm_sync.breakers set state = 'open', reason = 'failures in a row', open_count = 1, open_until = '2040-01-01 00:00:00+00' where breaker = 'monelec';
select crm_sync.tick('2040-01-01 00:00:00+00');
select is((select state from crm_sync.breakers where breaker = 'monelec'), 'open', 'nothing is under way');

select crm_sync.tick('2040-01-01 00:00:02+00');
select results_eq(
    $$select right(row_id, 1), deliveries.status, state from crm_sync.deliveries cross join crm_sync.breakers
      where captured_at >= now() and breaker = 'monelec' order by 1$$,
    $$values ('1', 'cancelled', 'half_open'), ('2', 'in_flight', 'half_open')$$, 'the next tick takes the next one');

select * from finish();
rollback;
