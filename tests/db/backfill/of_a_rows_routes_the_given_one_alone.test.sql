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

insert into payments (id, stripe_session_id, status) values ('40000000-0000-4000-8000-000000000001', 'cs_1', 'succeeded');
delete from crm_sync.deliveries where captured_at >= now();
select crm_sync.backfill('payment_status', array['40000000-0000-4000-8000-000000000001']);

select is(
    (select array_agg(route) from crm_sync.deliveries where captured_at >= now()), array['payment_status'], 'the payment is not created a second time');

select * from finish();
rollback;
