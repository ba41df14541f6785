begin;
set local search_path = public, extensions;
select plan(4);

alter table crm_sync.deliveries add constraint the_ledger_is_broken check (destination <> 'elementor') not valid;
insert into orders (id, order_number, quantity, status) values
    ('50000000-0000-4000-8000-000000000001', 'CMD-000001', 1, 'confirmed'), ('50000000-0000-4000-8000-000000000002', 'CMD-000002', 2, 'pending');

select is((select count(*)::int from orders where id::text like '50000000%'), 2, 'the application''s rows are there');
select is_empty($$select delivery_id from crm_sync.deliveries where captured_at >= now()$$, 'the ledger took nothing');
select results_eq(
    $$select table_name, operation, row_ids, old_rows, sql_state, detail, retry_count from crm_sync.capture_failures$$,
    $$values ('public.orders', 'INSERT',
              array['50000000-0000-4000-8000-000000000001', '50000000-0000-4000-8000-000000000002'], '[]'::jsonb, '23514',
              null, 0)$$,
    'which rows and why, without the message: it quotes values');
select is(
    (select new_rows -> 0 ->> 'order_number' from crm_sync.capture_failures), 'CMD-000001', 'and the rows as they were');

select * from finish();
rollback;
