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

alter table leads rename to contacts;
create view leads as select * from contacts;
insert into contacts (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
select from crm_sync.tick();
select results_eq(
    $$select table_name, right(row_id, 1), status, record ->> 'email' from crm_sync.deliveries where captured_at >= now() order by 2$$,
    $$values ('public.leads', '1', 'in_flight', 'ada@example.test'), ('public.leads', '2', 'in_flight', 'bob@example.test')$$,
    'all goes on');
select is('public.contacts' = any (array(select crm_sync.reattach())), true, 'reattach() names the table itself');
select results_eq(
    $$select distinct table_name from crm_sync.deliveries where captured_at >= now()$$, $$values ('public.contacts')$$, 'and so does the ledger');

select * from finish();
rollback;
