begin;
set local search_path = public, extensions;
select plan(5);
update crm_sync.settings set is_running = false;

insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into requests (id, customer_id, status)
values ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001', 'submitted');
insert into payments (id, request_id, amount, status)
values ('40000000-0000-4000-8000-000000000001', '20000000-0000-4000-8000-000000000001', 990, 'succeeded');
-- The request was refused by the receiver while it was unpaid; then the payment was told.
update crm_sync.deliveries
set status = 'dead', record = '{"has_succeeded_payment": false}', claimed_at = now() - interval '1 hour',
    finished_at = now(), last_error_code = 'receiver_status_422'
where route = 'request';
insert into crm_sync.delivery_attempts (delivery_id, envelope_id, attempt, is_counted, outcome, status, dispatched_at, settled_at)
select delivery_id, gen_random_uuid(), 1, true, 'reject', 422, now(), now() from crm_sync.deliveries where route = 'request';
update crm_sync.deliveries
set status = 'delivered', record = '{}', claimed_at = now(), finished_at = now()
where route = 'payment_status';

create temp view old_state as select delivery_id from crm_sync.deliveries where route = 'request';
select matches(
    (select reason from crm_sync.redeliver(array(select delivery_id from old_state))),
    'tells a newer state of request:20000000', 'the receiver would take a paid request for unpaid again');
update crm_sync.deliveries set status = 'in_flight', envelope_id = gen_random_uuid(), finished_at = null where route = 'payment_status';
select ok(
    not (select redelivered from crm_sync.redeliver(array(select delivery_id from old_state))),
    'just so while the newer one is on its way: it would arrive first');
update crm_sync.deliveries
set status = 'pending', envelope_id = null, claimed_at = null, finished_at = null
where route = 'payment_status';
select ok(
    (select redelivered from crm_sync.redeliver(array(select delivery_id from old_state))),
    'not behind one that is still to be read: that one leaves after it');

update crm_sync.deliveries set status = 'dead', finished_at = now() where route = 'request';
update crm_sync.deliveries set status = 'delivered', claimed_at = now(), finished_at = now() where route = 'payment_status';
select ok(
    (select redelivered from crm_sync.redeliver(array(select delivery_id from old_state), p_force => true)),
    'an operator who insists is obeyed');
update crm_sync.deliveries set status = 'dead', finished_at = now() where route = 'request';
delete from crm_sync.delivery_attempts;
select ok(
    (select redelivered from crm_sync.redeliver(array(select delivery_id from old_state))),
    'one that no receiver has seen is read from its row again, and is the newest');

select * from finish();
rollback;
