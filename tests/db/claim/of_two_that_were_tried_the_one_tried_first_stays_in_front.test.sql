begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

create table public.visits (id int primary key, key text);
select crm_sync.attach('visits', 'order_confirmation', array['key'], 'new.key');
insert into visits values (1, 'a'), (2, 'a'), (3, 'a');
-- As if the second had been dead, and was given another try.
update crm_sync.deliveries
set claimed_at = now() - case row_id when '1' then interval '1 minute' else interval '2 minutes' end, claimed_snapshot = '3:3:', attempt_count = 1
where captured_at >= now() and row_id in ('1', '2');
update crm_sync.settings set is_running = true;
select crm_sync.tick(clock_timestamp());
select is(
    (select jsonb_path_query_array(convert_from(body, 'UTF8')::jsonb, '$.deliveries[*].record.id')
     from net.http_request_queue join crm_sync.envelopes on envelopes.request_id = http_request_queue.id where dispatched_at >= now()),
    '[2, 1, 3]', 'and what was never tried comes last');

select * from finish();
rollback;
