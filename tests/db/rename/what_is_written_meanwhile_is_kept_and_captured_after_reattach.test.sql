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

alter table leads rename to contacts;
alter table orders rename to sales;
insert into contacts (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
update contacts set email = 'ada@corrected.test';
insert into sales (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
select results_eq(
    $$select table_name, operation, sql_state, detail from crm_sync.capture_failures order by capture_failure_id$$,
    $$values ('public.contacts', 'INSERT', 'CS051', 'public.contacts was attached as public.leads'),
             ('public.contacts', 'UPDATE', 'CS051', 'public.contacts was attached as public.leads'),
             ('public.sales', 'INSERT', 'CS051', 'public.sales was attached as public.orders')$$,
    'it is kept under the name that the table has');
select from crm_sync.tick();
select is((select count(*)::int from crm_sync.capture_failures), 3, 'for as long as it takes');
select from crm_sync.reattach();
select from crm_sync.tick();
select results_eq(
    $$select table_name, operation, status, coalesce(record ->> 'email', record ->> 'status')
      from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('public.contacts', 'INSERT', 'pending', null), ('public.contacts', 'UPDATE', 'in_flight', 'ada@corrected.test'),
             ('public.sales', 'INSERT', 'in_flight', 'confirmed')$$,
    'and leaves with the next tick');
select is_empty('select from crm_sync.capture_failures', 'all of it');

select * from finish();
rollback;
