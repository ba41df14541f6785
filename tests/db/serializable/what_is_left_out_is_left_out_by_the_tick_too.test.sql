begin isolation level serializable;
set local search_path = public, extensions;
select plan(3);

set local crm_sync.capture = 'OFF';
insert into orders (id, order_number, status)
values ('50000000-0000-4000-8000-000000000001', 'CMD-000001', 'confirmed'), ('50000000-0000-4000-8000-000000000002', 'CMD-000002', 'confirmed');
insert into leads (email) values ('ada@example.test');
set local crm_sync.capture = 'on';
set local crm_sync.origin = 'elementor';
insert into orders (id, order_number, status) values ('50000000-0000-4000-8000-000000000003', 'CMD-000003', 'confirmed');
set local crm_sync.origin = 'nobody';
insert into orders (id, order_number, status) values ('50000000-0000-4000-8000-000000000004', 'CMD-000004', 'confirmed');
select results_eq(
    $$select arguments, affected_count from crm_sync.operations where action = 'capture_off' order by operation_id$$,
    $$values ('{"public.orders": 2}'::jsonb, 2), ('{"public.leads": 1}', 1)$$,
    'a line a statement: to find the transaction''s own would be a read');
select crm_sync._capture_missed(clock_timestamp());
select results_eq(
    $$select right(row_id, 1), status, last_error_code from crm_sync.deliveries
      where captured_at >= now() and route = 'order_confirmation' order by row_id$$,
    $$values ('1', 'cancelled', 'capture_off'), ('2', 'cancelled', 'capture_off'), ('3', 'cancelled', 'from_origin'), ('4', 'pending', null)$$,
    'in the words of its transaction');
select results_eq(
    $$select place, sql_state from crm_sync.faults where noticed_at >= now()$$, $$values ('crm_sync.origin', 'CS062')$$, 'and doubts are noted, once a transaction');

select * from finish();
rollback;
