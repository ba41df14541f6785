begin;
set local search_path = public, extensions;
select plan(1);

insert into leads (id, email, phone) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test', null);
update leads set email = 'ada@example.test', phone = null where id = '10000000-0000-4000-8000-000000000001';

select is(
    (select array_agg(operation) from crm_sync.deliveries where row_id = '10000000-0000-4000-8000-000000000001'),
    array['INSERT'], 'setting a column to what it is, is no change');

select * from finish();
rollback;
