begin;
set local search_path = public, extensions;
select plan(2);

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
update leads set phone = '+33 6 12 34 56 78' where id = '10000000-0000-4000-8000-000000000001';

select results_eq(
    $$select route, operation, ordering_key, record, status from crm_sync.deliveries
      where row_id = '10000000-0000-4000-8000-000000000001' order by delivery_id$$,
    $$values ('lead', 'INSERT', 'lead:10000000-0000-4000-8000-000000000001', null::jsonb, 'pending'),
             ('lead', 'UPDATE', 'lead:10000000-0000-4000-8000-000000000001', null::jsonb, 'pending')$$,
    'insert and update are captured in their order, on one key');
select is(
    (select count(distinct idempotency_key)::int from crm_sync.deliveries
     where row_id = '10000000-0000-4000-8000-000000000001'),
    2, 'each with an idempotency key of its own');

select * from finish();
rollback;
