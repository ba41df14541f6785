begin;
set local search_path = public, extensions;
select plan(2);

delete from crm_sync.deliveries where status = 'pending';
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
update crm_sync.breakers set state = 'open', reason = 'failures in a row', open_count = 1, open_until = '2040-01-01 00:00:00+00' where breaker = 'monelec';

select is((select affected from crm_sync.tick('2040-01-01 00:00:00+00') where step = 'dispatch'), 0, 'no request left');
select is_empty($$select place from crm_sync.faults$$, 'and nobody is told of missing secrets');

select * from finish();
rollback;
