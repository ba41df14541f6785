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

-- That an order was confirmed says nothing of when. Corrected today, it is not confirmed today.
insert into orders (id, status, created_at) values
    ('50000000-0000-4000-8000-000000000001', 'confirmed', clock_timestamp() - interval '3 days'),
    ('50000000-0000-4000-8000-000000000002', 'confirmed', clock_timestamp() - interval '1 day'),
    ('50000000-0000-4000-8000-000000000003', 'confirmed', clock_timestamp() - interval '200 days');
delete from crm_sync.deliveries where captured_at >= now();
update crm_sync.attachments set attached_at = clock_timestamp() - interval '2 days' where route = 'order_confirmation';
select is(
    (select array_agg(right(row_id, 1)) from crm_sync.find_missing('orders')), array['2'], 'only one that was created since');

update crm_sync.attachments set attached_at = clock_timestamp() - interval '1 year' where route = 'order_confirmation';
select is(
    (select array_agg(right(row_id, 1) order by row_id) from crm_sync.find_missing('orders')), array['1', '2'],
    'nor one of which the ledger has forgotten what became of it');

select * from finish();
rollback;
