begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;

insert into payments (id, status) values ('40000000-0000-4000-8000-000000000001', 'pending'), ('40000000-0000-4000-8000-000000000002', 'succeeded');
-- A table with deferred triggers pending can not be altered.
set constraints all immediate;
alter table crm_sync.deliveries add constraint the_ledger_is_broken check (false) not valid;
update payments set status = 'succeeded', amount = 5;
alter table crm_sync.deliveries drop constraint the_ledger_is_broken;
select crm_sync._capture_missed(clock_timestamp());

select results_eq(
    $$select row_id, operation from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('40000000-0000-4000-8000-000000000002', 'INSERT'), ('40000000-0000-4000-8000-000000000001', 'UPDATE')$$,
    'who had succeeded before did not succeed again');

select * from finish();
rollback;
