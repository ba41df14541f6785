begin;
set local search_path = public, extensions;
select plan(10);
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

select throws_ok($$select crm_sync.dry_run_pending()$$, 'CS035', 'nothing waits behind delivery 0', 'nothing waits');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
insert into leads (id, email, lastname) values ('10000000-0000-4000-8000-000000000003', 'large@example.test', repeat('x', 70000));
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000004', 'gone@example.test');
delete from leads where email = 'gone@example.test';
update leads set email = 'now@example.test' where email = 'bob@example.test';
create temp table before as select *, deliveries::text as whole from crm_sync.deliveries;
create temp table asked as select * from crm_sync.dry_run_pending();
select is((select delivery_count from asked), 3, 'two leads and an update; not the one that is too large, nor the one that is gone');
select results_eq(
    $$select body ->> 'destination', body ->> 'dry_run', delivery -> 'record' ->> 'email'
      from (select convert_from(body, 'UTF8')::jsonb as body from net.http_request_queue) as requests,
           jsonb_array_elements(body -> 'deliveries') as delivery$$,
    $$values ('dry_run', 'true', 'ada@example.test'), ('dry_run', 'true', 'now@example.test'), ('dry_run', 'true', 'now@example.test')$$,
    'in one request, each as it is now, to nobody''s destination');
select set_eq('select deliveries::text from crm_sync.deliveries', 'select whole from before', 'the ledger is as it was');
select is((select last_delivery_id from asked), (select max(delivery_id) from before), 'from where it goes on');
select throws_ok(format('select crm_sync.dry_run_pending(%s)', (select last_delivery_id from asked)), 'CS035', null, 'with nothing, here');
select is((select delivery_count from crm_sync.dry_run_pending(p_limit => 1)), 1, 'no more than asked for');
select results_eq(
    $$select dry_run_id is null, delivery_count, last_delivery_id from crm_sync.dry_run_pending((select min(delivery_id) + 1 from before), p_limit => 2)$$,
    $$select true, 0, min(delivery_id) + 3 from before$$, 'where all is left out nobody is asked, and it goes on behind them');

insert into net._http_response (id, status_code, headers, content)
select (arguments ->> 'request_id')::bigint, 200, jsonb_build_object('Webhook-Id', arguments ->> 'dry_run_id', 'Webhook-Timestamp', '1760000000',
           'Webhook-Signature', crm_sync._signatures(arguments ->> 'dry_run_id', '1760000000', made.content, array['whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ='])), made.content
from crm_sync.operations
cross join lateral (
    select jsonb_build_object('envelope_id', operations.arguments ->> 'dry_run_id', 'results', (
        select jsonb_agg(jsonb_build_object('delivery_id', delivery_id, 'route', route, 'would', 'send', 'payload', '{"email": "xxx"}'::jsonb))
        from before where row_id like '%1'))::text as content
) as made
where operations.arguments ->> 'dry_run_id' = (select dry_run_id::text from asked);
select results_eq(
    $$select route, row_id, would, payload, error_code from asked, crm_sync.dry_run_pending_result(asked.dry_run_id)$$,
    $$values ('lead', '10000000-0000-4000-8000-000000000001', 'send', '{"email": "xxx"}'::jsonb, null)$$, 'and says of each what would become of it');
select throws_ok($$select crm_sync.dry_run_pending_result('10000000-0000-4000-8000-000000000001')$$, 'CS032', null, 'no such dry run');

select * from finish();
rollback;
