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
select crm_sync.cancel(array(select delivery_id from crm_sync.deliveries where captured_at >= now()));
set constraints all immediate;

select is((select count(*)::int from net.http_request_queue where id in (select request_id from crm_sync.envelopes where dispatched_at >= now())), 0, 'nothing leaves');
select is((select count(*)::int from crm_sync.faults where noticed_at >= now()), 0, 'and nothing went wrong');

select * from finish();
rollback;
