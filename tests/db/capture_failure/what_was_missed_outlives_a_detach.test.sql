begin;
set local search_path = public, extensions;
select plan(3);

alter table crm_sync.deliveries add constraint the_ledger_is_broken check (false) not valid;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
alter table crm_sync.deliveries drop constraint the_ledger_is_broken;
create temp table was as select * from crm_sync.attachments where route = 'lead';
select from crm_sync.detach('leads');
select from crm_sync._capture_missed(clock_timestamp());
select results_eq(
    'select table_name, sql_state, detail from crm_sync.capture_failures',
    $$values ('public.leads', 'CS038', 'nothing is captured from public.leads any more')$$, 'it was committed before');
select matches(
    (select mend from crm_sync.health() where check_name = 'capture_failures'),
    'attach it again, or give them up: delete from crm_sync.capture_failures where', 'a person decides');

select from was, crm_sync.attach('leads', route, watched, ordering_key, condition, transition, columns, joined);
select from crm_sync._capture_missed(clock_timestamp() + interval '1 minute');
select results_eq(
    $$select row_id, status from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('10000000-0000-4000-8000-000000000001', 'pending')$$, 'attached again, it is sent');

select * from finish();
rollback;
