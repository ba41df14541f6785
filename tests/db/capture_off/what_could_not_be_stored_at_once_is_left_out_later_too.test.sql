begin;
set local search_path = public, extensions;
select plan(3);
update crm_sync.settings set is_running = false;

alter table crm_sync.deliveries add constraint the_ledger_is_broken check (route <> 'lead') not valid;
set local crm_sync.capture = 'OFF';
insert into leads (email) values ('ada@example.test');
alter table crm_sync.deliveries drop constraint the_ledger_is_broken;
alter table leads rename to contacts;
insert into contacts (email) values ('bob@example.test');
set local crm_sync.capture = 'on';
insert into contacts (email) values ('cleo@example.test');
select crm_sync.reattach();
select from crm_sync._capture_missed(now() + interval '1 minute');
select is_empty($$select from crm_sync.capture_failures$$, 'all is captured');
select results_eq(
    $$select status, last_error_code, count(*) from crm_sync.deliveries where captured_at >= now() group by 1, 2 order by 1$$,
    $$values ('cancelled', 'capture_off', 2::bigint), ('pending', null, 1)$$, 'what was written while capture was off is sent to nobody');
select is_empty($$select from crm_sync.find_missing('contacts')$$, 'and nobody misses it');

select * from finish();
rollback;
