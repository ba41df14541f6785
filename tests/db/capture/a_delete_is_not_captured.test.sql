begin;
set local search_path = public, extensions;
select plan(1);

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
delete from leads where id = '10000000-0000-4000-8000-000000000001';

select is(
    (select array_agg(operation) from crm_sync.deliveries where row_id = '10000000-0000-4000-8000-000000000001'),
    array['INSERT'], 'nothing is captured for the deletion');

select * from finish();
rollback;
