begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;

alter table crm_sync.deliveries add constraint the_ledger_is_broken check (false) not valid;
insert into orders (id, order_number, status) values ('50000000-0000-4000-8000-000000000001', 'CMD-000001', 'confirmed');
update crm_sync.capture_failures set failed_at = '2026-01-01 12:00:00+00';
alter table crm_sync.deliveries drop constraint the_ledger_is_broken;
select crm_sync.tick();

select is(
    (select captured_at from crm_sync.deliveries where row_id = '50000000-0000-4000-8000-000000000001'),
    '2026-01-01 12:00:00+00'::timestamptz, 'confirmed_at, when empty, is the time of the change, not of the repair');

select * from finish();
rollback;
