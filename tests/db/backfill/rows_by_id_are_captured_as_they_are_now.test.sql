begin;
set local search_path = public, extensions;
select plan(3);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 3) as n;
delete from crm_sync.deliveries where captured_at >= now();
create temp table made as
select * from crm_sync.backfill('lead', array['10000000-0000-4000-8000-000000000001', '10000000-0000-4000-8000-000000000003',
                                              '10000000-0000-4000-8000-000000000009'], p_note => 'first import');
select results_eq(
    $$select delivery_id, right(row_id, 1), operation, status, is_backfill, record, ordering_key, destination from crm_sync.deliveries where captured_at >= now() order by 2$$,
    $$select delivery_id, n, 'UPDATE', 'pending', true, null::jsonb, 'lead:10000000-0000-4000-8000-00000000000' || n, 'monelec'
      from made join crm_sync.deliveries using (delivery_id) cross join lateral (select right(row_id, 1)) as ids (n) order by n$$,
    'new deliveries, which it returns');
select is((select count(*)::int from made), 2, 'of the rows that exist');

select results_eq(
    $$select operator = session_user, action, arguments, affected_count, note from crm_sync.operations where operated_at >= now()$$,
    $$values (true, 'backfill', '{"route": "lead", "row_count": 3}'::jsonb, 2, 'first import')$$, 'its line holds no list of rows');

select * from finish();
rollback;
