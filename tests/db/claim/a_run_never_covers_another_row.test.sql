begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into payments (id, request_id, status)
select ('40000000-0000-4000-8000-00000000000' || n)::uuid, null, 'pending' from generate_series(1, 2) as n;
insert into requests (id, status) values ('20000000-0000-4000-8000-000000000001', 'draft');
update payments set request_id = '20000000-0000-4000-8000-000000000001', status = 'succeeded' where id::text like '40000000-%';
set constraints all immediate;

select results_eq(
    $$select route, ordering_key, status, covered_by from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('payment_status', 'request:20000000-0000-4000-8000-000000000001', 'in_flight', null::bigint),
             ('payment_status', 'request:20000000-0000-4000-8000-000000000001', 'in_flight', null)$$,
    'two payments of a request are two states');

select * from finish();
rollback;
