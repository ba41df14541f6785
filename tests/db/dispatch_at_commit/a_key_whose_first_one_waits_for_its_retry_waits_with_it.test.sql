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

insert into payments (id, request_id, stripe_session_id) values ('40000000-0000-4000-8000-000000000001', null, 'cs_1');
update crm_sync.deliveries set next_attempt_at = clock_timestamp() + interval '1 hour', claimed_at = now(), attempt_count = 1 where captured_at >= now();
update payments set status = 'succeeded' where id = '40000000-0000-4000-8000-000000000001';
set constraints all immediate;

select is(
    (select array_agg(route || ' ' || status order by delivery_id) from crm_sync.deliveries where captured_at >= now()),
    array['payment_session pending', 'payment_status pending'], 'nothing overtakes');

select * from finish();
rollback;
