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
-- Until the next full second: signatures count in seconds, and nobody can tell the clock what time it is.
select pg_sleep_until(date_trunc('second', clock_timestamp()) + interval '1 second');
set constraints all immediate;
create temporary view posted as
select to_timestamp((headers ->> 'webhook-timestamp')::int) as signed_at,
       (convert_from(body, 'UTF8')::jsonb ->> 'expires_at')::timestamptz as expires_at
from net.http_request_queue join crm_sync.envelopes on envelopes.request_id = http_request_queue.id where dispatched_at >= now();
select cmp_ok((select signed_at from posted), '>', now(), 'it is signed when it leaves');
select cmp_ok((select expires_at from posted), '>', now() + (select lease from crm_sync.settings), 'and its lease runs from then');

select * from finish();
rollback;
