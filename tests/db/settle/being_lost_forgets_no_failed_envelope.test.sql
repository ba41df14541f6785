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
update crm_sync.deliveries set failed_alone_count = 2, failed_alone_since = '2039-01-01', envelope_failure_count = 6, wait_count = 6 where captured_at >= now();
set constraints all immediate;
delete from net.http_request_queue where id = (select request_id from crm_sync.envelopes where dispatched_at >= now());
select crm_sync.tick();

select results_eq(
    $$select status, failed_alone_count, envelope_failure_count from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('pending', 2, 6)$$, 'no answer of the function ended it');

select * from finish();
rollback;
