begin;
set local search_path = public, extensions;
select plan(1);

insert into requests (id, status) values ('20000000-0000-4000-8000-000000000001', 'submitted');

select results_eq(
    $$select route, destination, operation, ordering_key, record from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('request', 'monelec', 'INSERT', 'request:20000000-0000-4000-8000-000000000001', null::jsonb)$$,
    'one delivery, as an insert');

select * from finish();
rollback;
