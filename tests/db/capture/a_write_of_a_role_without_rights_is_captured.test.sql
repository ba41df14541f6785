begin;
set local search_path = public, extensions;
select plan(3);

grant insert on leads to anon;
create policy visitors_leave_leads on leads for insert to anon with check (true);
set local role anon;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
select throws_ok('select * from crm_sync.deliveries', '42501', null, 'it may not read the ledger');
select throws_ok('select crm_sync.tick()', '42501', null, 'nor call the engine');
reset role;

select results_eq(
    $$select route, row_id, operation from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('lead', '10000000-0000-4000-8000-000000000001', 'INSERT')$$, 'its write is captured');

select * from finish();
rollback;
