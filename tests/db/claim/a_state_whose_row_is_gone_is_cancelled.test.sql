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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
delete from leads where id = '10000000-0000-4000-8000-000000000001';
delete from orders where id = '50000000-0000-4000-8000-000000000001';
set constraints all immediate;

select results_eq(
    $$select route, status, last_error_code, finished_at is not null, attempt_count from crm_sync.deliveries where captured_at >= now() order by 1$$,
    $$values ('lead', 'cancelled', 'row_deleted', true, 0), ('order_confirmation', 'in_flight', null, false, 0)$$,
    'an event happened all the same');

select * from finish();
rollback;
