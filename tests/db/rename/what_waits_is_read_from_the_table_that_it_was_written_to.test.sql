begin;
set local search_path = public, extensions;
select plan(5);
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
insert into visits values (1, 'of 2026'), (2, 'of 2026, too'), (3, 'gone by then');
delete from visits where id = 3;
alter table visits rename to visits_of_2026;
create table visits (id int primary key, label text);
insert into visits values (1, 'somebody else''s'), (3, 'written in its stead');

select from crm_sync.tick();
select results_eq(
    $$select row_id, status from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('1', 'pending'), ('2', 'pending'), ('3', 'pending')$$, 'until a person says which table is meant, nothing leaves');
select results_eq(
    $$select sql_state, detail from crm_sync.faults where place = 'record of lead from public.visits'$$,
    $$values ('CS051', 'public.visits was attached when public.visits_of_2026 was called so')$$, 'and a fault says why');
select from crm_sync.reattach();
update crm_sync.deliveries set next_attempt_at = now() where captured_at >= now();
select from crm_sync.tick();
select results_eq(
    $$select row_id, status, record ->> 'label' from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('1', 'in_flight', 'of 2026'), ('2', 'in_flight', 'of 2026, too'), ('3', 'in_flight', 'written in its stead')$$,
    'then what waits has the values of the table that it was written to, and where that has no such row, of the one of its name');

update visits set label = 'changed' where id = 1;
select results_eq(
    $$select table_name, row_id, status from crm_sync.deliveries where captured_at >= now() order by delivery_id desc limit 1$$,
    $$values ('public.visits', '1', 'pending')$$, 'what is written from then on is the new table''s');
select is(
    (select attached_table from crm_sync.attachments where table_name = 'public.visits'), 'visits'::regclass, 'which is attached now');

select * from finish();
rollback;
