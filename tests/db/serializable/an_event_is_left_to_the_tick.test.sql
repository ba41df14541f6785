begin isolation level serializable;
set local search_path = public, extensions;
select plan(4);

insert into orders (id, order_number, status) values ('50000000-0000-4000-8000-000000000001', 'CMD-000001', 'draft');
update orders set status = 'confirmed' where id = '50000000-0000-4000-8000-000000000001';
insert into payments (id, stripe_session_id, amount, status)
values ('40000000-0000-4000-8000-000000000001', 'cs_1', 100, 'succeeded');
update orders set status = 'cancelled' where id = '50000000-0000-4000-8000-000000000001';
select is_empty($$select from crm_sync.deliveries where captured_at >= now()$$, 'nothing is read, so nothing is captured yet');
select results_eq(
    $$select distinct sql_state, detail, next_retry_at <= now() from crm_sync.capture_failures$$,
    $$values ('CS064', 'written under serializable: the next tick captures it', true)$$, 'but all is stored, due at once');

select is(crm_sync._capture_missed(clock_timestamp()), 4, 'the tick takes it statement by statement');
select results_eq(
    $$select route, row_id, operation, ordering_key, status, record ->> 'order_number', record ->> 'status', record ->> 'stripe_session_id'
      from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('order_confirmation', '50000000-0000-4000-8000-000000000001', 'UPDATE', 'order:50000000-0000-4000-8000-000000000001', 'pending', 'CMD-000001', 'confirmed', null),
             ('payment_session', '40000000-0000-4000-8000-000000000001', 'INSERT', 'request:40000000-0000-4000-8000-000000000001', 'pending', null, 'succeeded', 'cs_1'),
             ('payment_status', '40000000-0000-4000-8000-000000000001', 'INSERT', 'request:40000000-0000-4000-8000-000000000001', 'pending', null, null, null)$$,
    'as it was at its statement, though the row has moved on');

select * from finish();
rollback;
