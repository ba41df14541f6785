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

insert into orders (order_number, status) select 'CMD-' || n, 'confirmed' from generate_series(1, 21) as n;
set constraints all immediate;
select results_eq(
    $$select status, count(*)::int from crm_sync.deliveries where captured_at >= now() group by status$$,
    $$values ('pending', 21)$$, 'twenty-one wait');

set constraints all deferred;
delete from crm_sync.deliveries where captured_at >= now();
insert into orders (order_number, status) select 'CMD-' || n, 'confirmed' from generate_series(1, 20) as n;
set constraints all immediate;
select results_eq(
    $$select status, count(*)::int, count(distinct envelope_id)::int from crm_sync.deliveries where captured_at >= now() group by status$$,
    $$values ('in_flight', 20, 1)$$, 'twenty leave in one envelope');

select * from finish();
rollback;
