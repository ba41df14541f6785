begin;
set local search_path = public, extensions;
select plan(4);
update crm_sync.settings set is_running = false;
alter table crm_sync.deliveries add constraint the_ledger_is_broken check (false) not valid;
alter table crm_sync.capture_failures add constraint so_is_this check (false) not valid;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
alter table crm_sync.deliveries drop constraint the_ledger_is_broken;
alter table crm_sync.capture_failures drop constraint so_is_this;
select is((select count(*)::int from crm_sync.deliveries), 0, 'nothing was captured');
select crm_sync.tick();
select results_eq('select row_id, status from crm_sync.deliveries', $$values ('10000000-0000-4000-8000-000000000001', 'pending')$$, 'until the tick has looked');
-- Committed by a transaction that was running then.
alter table leads disable trigger crm_sync_capture_insert;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000002', 'eve@example.test');
alter table leads enable trigger crm_sync_capture_insert;
select crm_sync.tick();
select is((select count(*)::int from crm_sync.deliveries), 2, 'and once more, when all who ran then have ended');
select is((select horizon from crm_sync.unstored_seen), null, 'which is the last time');

-- No rollback takes it back: later tests would look for what is missing here.
select setval('crm_sync.unstored_changes', 1, false);

select * from finish();
rollback;
