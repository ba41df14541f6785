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

insert into orders (id, order_number, quantity, unit_price, status) values ('50000000-0000-4000-8000-000000000001', 'CMD-000001', 2, 19.90, 'confirmed');
set constraints all immediate;

select is(
    (select (convert_from(body, 'UTF8')::jsonb - 'expires_at')::text from net.http_request_queue
     join crm_sync.envelopes on envelopes.request_id = http_request_queue.id where dispatched_at >= now()),
    (select jsonb_build_object('version', 1, 'destination', 'elementor', 'conflict_is_delivered', false, 'deliveries', jsonb_build_array(jsonb_build_object(
        'id', delivery_id, 'route', 'order_confirmation', 'attempt', 1, 'idempotency_key', idempotency_key,
        'ordering_key', 'order:50000000-0000-4000-8000-000000000001',
        'captured_at', to_jsonb(captured_at), 'timeout_ms', 8000, 'type', 'INSERT', 'schema', 'public', 'table', 'orders',
        'record', jsonb_build_object(
            'id', '50000000-0000-4000-8000-000000000001', 'order_number', 'CMD-000001', 'client_name', null, 'client_phone', null,
            'client_address', null, 'client_city', null, 'product_name', null, 'quantity', 2, 'unit_price', 19.90,
            'total_amount', null, 'status', 'confirmed', 'confirmed_at', null))))::text
     from crm_sync.deliveries where captured_at >= now()),
    'byte for byte, numbers with their decimals');
select is(
    (select (convert_from(body, 'UTF8')::jsonb ->> 'expires_at')::timestamptz - to_timestamp((headers ->> 'webhook-timestamp')::bigint)
            between interval '2 minutes' and interval '2 minutes 1 second'
     from net.http_request_queue join crm_sync.envelopes on envelopes.request_id = http_request_queue.id where dispatched_at >= now()),
    true, 'it expires with its lease');

select * from finish();
rollback;
