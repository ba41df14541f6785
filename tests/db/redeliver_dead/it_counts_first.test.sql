begin;
set local search_path = public, extensions;
select plan(4);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 3) as n;
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
update crm_sync.deliveries
set status = 'dead', finished_at = '2040-01-01', last_error_code = case when right(row_id, 1) = '3' then 'receiver_status_413' else 'receiver_status_422' end
where captured_at >= now();
select results_eq(
    $$select * from crm_sync.redeliver_dead(p_since => '2039-01-01')$$,
    $$values ('lead', 'receiver_status_413', 1::bigint, 0::bigint), ('lead', 'receiver_status_422', 2, 0), ('order_confirmation', 'receiver_status_422', 1, 0)$$,
    'by route and reason');
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now() and status = 'dead'), 4, 'and changes nothing');

select results_eq(
    $$select * from crm_sync.redeliver_dead(p_since => '2039-01-01', p_count_only => false, p_note => 'mended')$$,
    $$values ('lead', 'receiver_status_413', 1::bigint, 1::bigint), ('lead', 'receiver_status_422', 2, 2), ('order_confirmation', 'receiver_status_422', 1, 1)$$,
    'told so, it redelivers what it counted');
select results_eq(
    $$select action, affected_count, note, (select count(*)::int from crm_sync.deliveries where captured_at >= now() and status = 'pending')
      from crm_sync.operations where operated_at >= now() and affected_count > 0$$,
    $$values ('redeliver', 4, 'mended', 4)$$, 'and leaves its line');

select * from finish();
rollback;
