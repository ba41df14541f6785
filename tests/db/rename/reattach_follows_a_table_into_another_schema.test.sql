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

create schema sales;
create table sales.visits (id int primary key, label text);
select crm_sync.attach('sales.visits', 'lead', array['label'], $$'visit:' || new.id$$);
alter table leads set schema sales;
insert into sales.visits values (1, 'one');
alter schema sales rename to marketing;
select is(
    array(select reattached.name from crm_sync.reattach() as reattached (name) where reattached.name like '%visits' or reattached.name like '%leads'),
    array['marketing.leads', 'marketing.visits'], 'one that was moved to another schema, and one whose schema was renamed');
insert into marketing.leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into marketing.visits values (2, 'two');
select from crm_sync.tick();
select results_eq(
    $$select table_name, row_id, status from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('marketing.visits', '1', 'in_flight'), ('marketing.leads', '10000000-0000-4000-8000-000000000001', 'in_flight'),
             ('marketing.visits', '2', 'in_flight')$$,
    'all of it leaves');

select * from finish();
rollback;
