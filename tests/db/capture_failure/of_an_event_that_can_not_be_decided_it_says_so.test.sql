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

-- An order from before attach is confirmed while nothing can be stored.
insert into orders (id, status, created_at) values ('50000000-0000-4000-8000-000000000001', 'draft', clock_timestamp() - interval '3 days');
update crm_sync.attachments set attached_at = clock_timestamp() - interval '1 day';
alter table crm_sync.deliveries add constraint the_ledger_is_broken check (false) not valid;
alter table crm_sync.capture_failures add constraint so_is_this check (false) not valid;
update orders set status = 'confirmed' where id = '50000000-0000-4000-8000-000000000001';
alter table crm_sync.deliveries drop constraint the_ledger_is_broken;
alter table crm_sync.capture_failures drop constraint so_is_this;
delete from crm_sync.faults;
select crm_sync.tick();
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now()), 0, 'it may have been confirmed long ago');
select results_eq(
    $$select place, detail from crm_sync.faults$$,
    $$values ('repair of public.orders for order_confirmation', '1 rows of public.orders changed while nothing could be stored, and may have fired order_confirmation before: left to a person, who sends them by backfill()')$$,
    'a person decides');

-- No rollback takes it back: later tests would look for what is missing here.
select setval('crm_sync.unstored_changes', 1, false);

select * from finish();
rollback;
