begin;
set local search_path = public, extensions;
select plan(1);

insert into requests (id, status) values ('20000000-0000-4000-8000-000000000001', 'submitted');
update requests set status = 'draft' where id = '20000000-0000-4000-8000-000000000001';
update requests set city = 'Lyon' where id = '20000000-0000-4000-8000-000000000001';

select is(
    (select array_agg(operation order by delivery_id) from crm_sync.deliveries where captured_at >= now()),
    array['INSERT'], 'only the submission was captured');

select * from finish();
rollback;
