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

-- Two tables of one route, whose keys are the same numbers.
create table calls (id int primary key, email text, created_at timestamptz default clock_timestamp(), updated_at timestamptz default clock_timestamp());
create table visits (like calls including all);
select crm_sync.attach('calls', 'order_confirmation', '{email}', $$'call:' || new.id$$);
select crm_sync.attach('visits', 'order_confirmation', '{email}', $$'visit:' || new.id$$);
insert into calls values (1, 'ada@example.test');
delete from crm_sync.deliveries where captured_at >= now();
insert into visits values (1, 'bob@example.test');
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
select results_eq(
    'select * from crm_sync.repair_missing()',
    $$values ('public.calls', 'order_confirmation', 1, 1)$$, 'one is missing, of one table');
select results_eq(
    'select table_name, row_id from crm_sync.deliveries where is_backfill', $$values ('public.calls', '1')$$, 'and is sent alone');
select throws_ok(
    $$select crm_sync.backfill('order_confirmation', '{1}')$$, 'CS050',
    'several tables fire order_confirmation: public.calls, public.orders, public.visits', 'by hand it must be said of which');
select is(
    (select count(*)::int from crm_sync.backfill('order_confirmation', '{1}', p_table => 'visits')), 1, 'then it is taken from there');

select * from finish();
rollback;
