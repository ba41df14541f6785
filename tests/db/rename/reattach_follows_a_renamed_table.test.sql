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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
alter table leads rename to contacts;
alter table orders rename to sales;
select is(
    array(select crm_sync.reattach()),
    array['public.contacts', 'public.customers', 'public.payments', 'public.requests', 'public.sales'], 'the tables by the names that they have now');
insert into contacts (id, email) values ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
insert into sales (id, status) values ('50000000-0000-4000-8000-000000000002', 'confirmed');
select from crm_sync.tick();
select results_eq(
    $$select table_name, right(row_id, 1), status, coalesce(record ->> 'email', record ->> 'status')
      from crm_sync.deliveries where captured_at >= now() order by 1, 2$$,
    $$values ('public.contacts', '1', 'in_flight', 'ada@example.test'), ('public.contacts', '2', 'in_flight', 'bob@example.test'),
             ('public.sales', '1', 'in_flight', 'confirmed'), ('public.sales', '2', 'in_flight', 'confirmed')$$,
    'what was captured before, and what is captured since');
select results_eq(
    $$select distinct table_name, route from crm_sync.attachments where route in ('lead', 'order_confirmation') order by 1$$,
    $$values ('public.contacts', 'lead'), ('public.sales', 'order_confirmation')$$, 'what attach() was told goes along');
select is_empty($$select place from crm_sync.faults$$, 'and nothing went wrong');

select * from finish();
rollback;
