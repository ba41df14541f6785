begin;
set local search_path = public, extensions;
select plan(2);

insert into requests (id, status) values ('20000000-0000-4000-8000-000000000001', 'draft');
update requests set city = 'Lyon' where id = '20000000-0000-4000-8000-000000000001';
select is_empty(
    $$select delivery_id from crm_sync.deliveries where captured_at >= now()$$,
    'neither a new draft nor its change is captured');

update requests set status = 'submitted' where id = '20000000-0000-4000-8000-000000000001';
select results_eq(
    $$select route, destination, operation, ordering_key, record from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('request', 'monelec', 'UPDATE', 'request:20000000-0000-4000-8000-000000000001', null::jsonb)$$,
    'its submission is');

select * from finish();
rollback;
