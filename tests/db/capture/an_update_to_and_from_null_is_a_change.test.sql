begin;
set local search_path = public, extensions;
select plan(1);

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
update leads set phone = '06' where id = '10000000-0000-4000-8000-000000000001';
update leads set phone = null where id = '10000000-0000-4000-8000-000000000001';

select is(
    (select array_agg(operation order by delivery_id) from crm_sync.deliveries
     where row_id = '10000000-0000-4000-8000-000000000001'),
    array['INSERT', 'UPDATE', 'UPDATE'], 'null to value and value to null are captured');

select * from finish();
rollback;
