begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;

alter table crm_sync.deliveries add constraint the_ledger_is_broken check (destination <> 'elementor') not valid;
insert into orders (id, order_number, quantity, unit_price, status, confirmed_at)
values ('50000000-0000-4000-8000-000000000001', 'CMD-000001', 1, 19.90, 'confirmed', '2026-01-01 00:00:00.123456+01');
update orders set quantity = 9, status = 'cancelled' where id = '50000000-0000-4000-8000-000000000001';
alter table crm_sync.deliveries drop constraint the_ledger_is_broken;
select crm_sync.tick();

select results_eq(
    $$select operation, record::text from crm_sync.deliveries where captured_at >= now()$$,
    $$select 'INSERT',
        '{"id": "50000000-0000-4000-8000-000000000001", "order_number": "CMD-000001", "client_name": null, "client_phone": null,
          "client_address": null, "client_city": null, "product_name": null, "quantity": 1, "unit_price": 19.90, "total_amount": null,
          "status": "confirmed", "confirmed_at": "2025-12-31T23:00:00.123456+00:00"}'::jsonb::text$$,
    'once, with the quantity that was confirmed');

select * from finish();
rollback;
