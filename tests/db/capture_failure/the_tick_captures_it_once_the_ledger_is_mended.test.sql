begin;
set local search_path = public, extensions;
select plan(5);
update crm_sync.settings set is_running = false;

alter table crm_sync.deliveries add constraint the_ledger_is_broken check (route <> 'lead') not valid;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
update leads set phone = '06' where id = '10000000-0000-4000-8000-000000000001';
update leads set updated_at = '2030-01-01' where id = '10000000-0000-4000-8000-000000000001';
alter table crm_sync.deliveries drop constraint the_ledger_is_broken;

select results_eq($$select * from crm_sync.tick() where step = 'capture_missed'$$, $$values ('capture_missed', 2)$$, 'two changes were missed');
select results_eq(
    $$select route, operation, row_id, ordering_key, status from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('lead', 'INSERT', '10000000-0000-4000-8000-000000000001', 'lead:10000000-0000-4000-8000-000000000001', 'pending'),
             ('lead', 'UPDATE', '10000000-0000-4000-8000-000000000001', 'lead:10000000-0000-4000-8000-000000000001', 'pending')$$,
    'they are captured as the trigger would have');
select is_empty($$select * from crm_sync.capture_failures$$, 'and forgotten');
select results_eq($$select * from crm_sync.tick() where step = 'capture_missed'$$, $$values ('capture_missed', 0)$$, 'so the next tick has none');
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now()), 2, 'and none is captured twice');

select * from finish();
rollback;
