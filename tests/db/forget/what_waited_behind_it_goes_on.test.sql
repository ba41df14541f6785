begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

create table visits (id int primary key, label text);
select crm_sync.attach('visits', 'lead', '{label}', $$'lead:10000000-0000-4000-8000-000000000001'$$);
insert into visits values (1, 'one');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
drop table visits;
select from crm_sync.tick();
select from crm_sync.forget('public.visits');
select from crm_sync.tick();
select results_eq(
    $$select table_name, status from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('public.visits', 'cancelled'), ('public.leads', 'in_flight')$$, 'another table''s of the same key');

select * from finish();
rollback;
