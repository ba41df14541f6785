begin;
set local search_path = public, extensions;
select plan(4);

insert into requests (id, status) values ('20000000-0000-4000-8000-000000000001', null);
update requests set city = 'Lyon' where id = '20000000-0000-4000-8000-000000000001';
select is_empty($$select delivery_id from crm_sync.deliveries where captured_at >= now()$$, 'no status is as good as a draft');

update requests set status = '' where id = '20000000-0000-4000-8000-000000000001';
insert into requests (id, status) values ('20000000-0000-4000-8000-000000000002', ' ');
select is_empty($$select delivery_id from crm_sync.deliveries where captured_at >= now()$$, 'nor is one that is empty or blank');
update requests set city = 'Lyon' where id = '20000000-0000-4000-8000-000000000002';
select is_empty($$select delivery_id from crm_sync.deliveries where captured_at >= now()$$, 'whatever changes beside it');

update requests set status = 'en_cours' where id = '20000000-0000-4000-8000-000000000001';
select is(
    (select array_agg(route || ' ' || operation) from crm_sync.deliveries where captured_at >= now()),
    array['request UPDATE'], 'any status of the office is captured');

select * from finish();
rollback;
