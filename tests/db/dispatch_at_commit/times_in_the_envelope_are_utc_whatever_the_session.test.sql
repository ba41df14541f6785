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
set local timezone = 'America/New_York';

insert into orders (id, status, confirmed_at) values ('50000000-0000-4000-8000-000000000001', 'confirmed', '2026-07-01 12:00:00+02');
set constraints all immediate;

select results_eq(
    $$select body ->> 'expires_at' like '%+00:00', body #>> '{deliveries,0,captured_at}' like '%+00:00',
             body #>> '{deliveries,0,record,confirmed_at}'
      from (select convert_from(queue.body, 'UTF8')::jsonb as body from net.http_request_queue as queue
            join crm_sync.envelopes on envelopes.request_id = queue.id where dispatched_at >= now()) as posted$$,
    $$values (true, true, '2026-07-01T10:00:00+00:00')$$, 'ISO 8601 with offset zero');

select * from finish();
rollback;
