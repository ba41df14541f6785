begin;
set local search_path = public, extensions;
select plan(3);

alter table crm_sync.deliveries add constraint the_ledger_is_broken check (false) not valid;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into orders (id, order_number, status) values ('50000000-0000-4000-8000-000000000001', 'CMD-000001', 'confirmed');
alter table crm_sync.deliveries drop constraint the_ledger_is_broken;
drop function crm_sync._recapture__leads(text, jsonb, jsonb, text[], boolean, timestamptz);

select is(crm_sync._capture_missed(clock_timestamp()), 1, 'one of the two is captured');
select is((select array_agg(route) from crm_sync.deliveries where captured_at >= now()), array['order_confirmation'], 'the order');
select results_eq(
    $$select table_name, sql_state, detail like '%\_recapture\_\_leads%', retry_count from crm_sync.capture_failures$$,
    $$values ('public.leads', '42883', true, 1)$$, 'the lead waits and says what is missing');

select * from finish();
rollback;
