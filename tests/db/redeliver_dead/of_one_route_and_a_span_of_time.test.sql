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

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 4) as n;
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000002', 'confirmed');
update crm_sync.deliveries
set status = 'dead', finished_at = timestamptz '2040-01-01 00:00:00+00' + right(row_id, 1)::int * interval '1 hour' where captured_at >= now();
select crm_sync.redeliver_dead('lead', '2040-01-01 02:00:00+00', '2040-01-01 04:00:00+00', false);

select results_eq(
    $$select route, right(row_id, 1), status from crm_sync.deliveries where captured_at >= now() order by 1, 2$$,
    $$values ('lead', '1', 'dead'), ('lead', '2', 'pending'), ('lead', '3', 'pending'), ('lead', '4', 'dead'), ('order_confirmation', '2', 'dead')$$,
    'from then on, until before then');
select throws_ok(
    $$select crm_sync.redeliver_dead('leads')$$, 'CS002', 'crm-sync knows no route "leads"', 'a route that nobody knows');
select is_empty($$select * from crm_sync.redeliver_dead('request', '2039-01-01')$$, 'none of this one');

select * from finish();
rollback;
