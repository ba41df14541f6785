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

create table visits (id int primary key, label text);
select crm_sync.attach('visits', 'lead', array['label'], $$'visit:' || new.id$$);
alter table visits rename to visits_of_2026;
create table visits (id int primary key, label text);
insert into visits_of_2026 values (1, 'a visit of 2026');
insert into visits values (1, 'somebody else''s');
select is_empty(
    $$select from crm_sync.deliveries where captured_at >= now()$$, 'no row is taken for another of its id');
select crm_sync.attach('visits_of_2026', 'lead', array['label'], $$'visit of 2026:' || new.id$$);
select from crm_sync.tick();
select results_eq(
    $$select table_name, ordering_key, status, record ->> 'label' from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('public.visits_of_2026', 'visit of 2026:1', 'in_flight', 'a visit of 2026')$$, 'it is told once its table is attached');
select results_eq(
    $$select table_name from crm_sync.attachments where table_name like '%visits%' order by 1$$,
    $$values ('public.visits'), ('public.visits_of_2026')$$, 'what was attached by the old name stays with that name');

select * from finish();
rollback;
