begin;
set local search_path = public, extensions;
select plan(5);

set local crm_sync.capture = 'OFF';
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
set local crm_sync.capture = 'false';
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
set local crm_sync.capture = 'On';
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000003', 'zoe@example.test');
select results_eq(
    $$select right(row_id, 1), status, last_error_code from crm_sync.deliveries order by row_id$$,
    $$values ('1', 'cancelled', 'capture_off'), ('2', 'cancelled', 'capture_off'), ('3', 'pending', null)$$,
    'a mass correction that was sent can not be taken back');
select is_empty($$select from crm_sync.faults$$, 'nobody doubts');

set local crm_sync.capture = 'of';
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000004', 'eva@example.test');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000005', 'max@example.test');
select results_eq(
    $$select status, count(*) from crm_sync.deliveries where right(row_id, 1) in ('4', '5') group by 1$$, $$values ('pending', 2::bigint)$$,
    'what is no switch changes nothing');
select results_eq(
    $$select place, sql_state, detail from crm_sync.faults$$,
    $$values ('crm_sync.capture', 'CS063', 'crm_sync.capture is neither off nor on: changes are captured')$$, 'and is said once');
select is(current_setting('crm_sync.capture'), '', 'in this transaction');

select * from finish();
rollback;
