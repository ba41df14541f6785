begin;
set local search_path = public, extensions;
select plan(5);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into requests (id, customer_id, status) values ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001', 'submitted');
delete from crm_sync.deliveries;
create temp table asked as select * from crm_sync.dry_run('requests', '20000000-0000-4000-8000-000000000001', 'a new mapper');
create temp view body as select convert_from(body, 'UTF8')::jsonb as body, headers from net.http_request_queue;
select is((select count(*)::int from crm_sync.deliveries) + (select count(*)::int from crm_sync.envelopes), 0, 'nothing');
select results_eq($$select body ->> 'dry_run', body ->> 'destination', body #>> '{deliveries,0,route}', body #>> '{deliveries,0,record,customer,email}' from body$$,
    $$values ('true', 'dry_run', 'request', 'ada@example.test')$$, 'with the record as it would be read now');
select is((select headers ->> 'webhook-signature' from body), (
    select crm_sync._signatures(dry_run_id::text, headers ->> 'webhook-timestamp', body::text, array['whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=']) from asked, body), 'signed');
select results_eq('select routes, see from asked', $$select array['request'], format('select * from crm_sync.dry_run_result(%L);', dry_run_id) from asked$$, 'and it says where to look');
select results_eq($$select action, arguments ->> 'row_id', note from crm_sync.operations$$, $$values ('dry_run', '20000000-0000-4000-8000-000000000001', 'a new mapper')$$, 'leaving a line');

select * from finish();
rollback;
