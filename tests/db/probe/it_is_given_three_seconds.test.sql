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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
update crm_sync.breakers set state = 'open', reason = 'failures in a row', open_count = 1, open_until = '2040-01-01 00:00:00+00' where breaker = 'monelec';
select crm_sync.tick('2040-01-01 00:00:00+00');

select is(
    (select convert_from(body, 'UTF8')::jsonb #> '{deliveries,0,timeout_ms}' from net.http_request_queue
     join crm_sync.envelopes on envelopes.request_id = http_request_queue.id where status = 'in_flight' and dispatched_at >= '2040-01-01'),
    '3000'::jsonb, 'not eight');

create function pg_temp.timeout_after(p_open_count int) returns int language plpgsql as $$
begin
    update crm_sync.breakers set open_count = p_open_count where breaker = 'monelec';
    return crm_sync._probe_timeout('monelec');
end $$;
select is(
    array[pg_temp.timeout_after(0), pg_temp.timeout_after(1), pg_temp.timeout_after(4), pg_temp.timeout_after(5), pg_temp.timeout_after(40)],
    array[3000, 3000, 3000, 8000, 8000], 'from the fifth in a row more: a receiver that is slow, but works, is let in at last');

select * from finish();
rollback;
