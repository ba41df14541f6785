begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into requests (id, status) values ('20000000-0000-4000-8000-000000000001', 'draft'), ('20000000-0000-4000-8000-000000000002', 'submitted');
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'pending'), ('50000000-0000-4000-8000-000000000002', 'confirmed');
delete from crm_sync.deliveries where captured_at >= now();
select crm_sync.backfill('request', array['20000000-0000-4000-8000-000000000001', '20000000-0000-4000-8000-000000000002']);
select crm_sync.backfill('order_confirmation', array['50000000-0000-4000-8000-000000000001', '50000000-0000-4000-8000-000000000002']);

select results_eq(
    $$select route, right(row_id, 1), record ->> 'status' from crm_sync.deliveries where captured_at >= now() order by 1$$,
    $$values ('order_confirmation', '2', 'confirmed'), ('request', '2', null)$$, 'a draft stays with us');
select is((select array_agg(affected_count) from crm_sync.operations where operated_at >= now()), array[1, 1], 'one each');

select * from finish();
rollback;
