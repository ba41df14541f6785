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

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 2) as n;
update crm_sync.deliveries set status = 'dead', finished_at = '2040-01-01', claimed_at = now(), record = case when right(row_id, 1) = '1' then '{}'::jsonb end
where captured_at >= now();
insert into crm_sync.delivery_attempts (delivery_id, envelope_id, attempt, is_counted, outcome, status, dispatched_at, settled_at)
select delivery_id, gen_random_uuid(), 1, true, 'reject', 422, now(), now() from crm_sync.deliveries where captured_at >= now();

select results_eq(
    $$select dead_count, redelivered_count from crm_sync.redeliver_dead('lead', '2039-01-01', p_count_only => false)$$, $$values (2::bigint, 1::bigint)$$,
    'one has lost its record');
select results_eq(
    $$select right(row_id, 1), status from crm_sync.deliveries where captured_at >= now() order by 1$$, $$values ('1', 'pending'), ('2', 'dead')$$, 'it stays');

select * from finish();
rollback;
