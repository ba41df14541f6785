begin;
set local search_path = public, extensions;
select plan(1);

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
savepoint before_second_thoughts;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
update leads set email = 'ada@corrected.test' where id = '10000000-0000-4000-8000-000000000001';
rollback to savepoint before_second_thoughts;
update leads set phone = '06' where id = '10000000-0000-4000-8000-000000000001';

select results_eq(
    $$select row_id, operation from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('10000000-0000-4000-8000-000000000001', 'INSERT'), ('10000000-0000-4000-8000-000000000001', 'UPDATE')$$,
    'only what the transaction keeps stands in the ledger');

select * from finish();
rollback;
