begin;
set local search_path = public, extensions;
select plan(1);

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
update leads set updated_at = '2030-01-01' where id = '10000000-0000-4000-8000-000000000001';

select is(
    (select array_agg(operation) from crm_sync.deliveries where row_id = '10000000-0000-4000-8000-000000000001'),
    array['INSERT'], 'updated_at is not sent, so its change is not captured');

select * from finish();
rollback;
