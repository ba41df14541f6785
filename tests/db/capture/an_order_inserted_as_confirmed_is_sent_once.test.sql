begin;
set local search_path = public, extensions;
select plan(1);

insert into orders (id, order_number, client_name, client_phone, client_address, client_city, product_name, quantity,
                    unit_price, total_amount, status, confirmed_at)
values ('50000000-0000-4000-8000-000000000001', 'CMD-000001', 'Zoé', '+33 6', '1 rue', 'Lyon', 'Câble', 3, 19.90, 59.70,
        'confirmed', '2026-03-29 03:30:00.123456+02');

select results_eq(
    $$select route, operation, record::text from crm_sync.deliveries where captured_at >= now()$$,
    $$select 'order_confirmation', 'INSERT',
        '{"id": "50000000-0000-4000-8000-000000000001", "order_number": "CMD-000001", "client_name": "Zoé",
          "client_phone": "+33 6", "client_address": "1 rue", "client_city": "Lyon", "product_name": "Câble", "quantity": 3,
          "unit_price": 19.90, "total_amount": 59.70, "status": "confirmed",
          "confirmed_at": "2026-03-29T01:30:00.123456+00:00"}'::jsonb::text$$,
    'with its exact values: two decimals stay two, times are UTC');

select * from finish();
rollback;
