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

insert into orders (id, status, quantity) values ('50000000-0000-4000-8000-000000000001', 'confirmed', 0);
update crm_sync.deliveries set status = 'dead', finished_at = now(), claimed_at = now() where captured_at >= now();
alter table orders disable trigger crm_sync_capture_update;
update orders set quantity = 2;
update crm_sync.settings set max_envelope_bytes = 2000, max_delivery_bytes = 2000;
insert into orders (id, status, quantity, client_name) values ('50000000-0000-4000-8000-000000000002', 'confirmed', 1, repeat('x', 3000));
set constraints all immediate;
select is(
    (select last_error_code from crm_sync.deliveries where captured_at >= now() and row_id like '%2'), 'too_large', 'one is');
select is(
    (select count(*)::int from crm_sync.deliveries where captured_at >= now() and row_id like '%1'), 1, 'another that was dead before waits for its own mending');

select * from finish();
rollback;
