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
select crm_sync.attach('visits', 'lead', array['label'], $$'visit:' || new.id$$);
insert into visits values (1, 'as captured');
create table visits_new (like visits including all);
insert into visits_new values (1, 'as copied');
drop table visits;
alter table visits_new rename to visits;
select from crm_sync.tick();
select results_eq(
    $$select status, record ->> 'label' from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('in_flight', 'as copied')$$, 'what waits for it is read from the copy, and waits for nobody');

select * from finish();
rollback;
