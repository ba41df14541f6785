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

create table visits (id int primary key, label text);
create table calls (id int primary key, label text);
select crm_sync.attach('visits', 'lead', array['label'], $$'visit:' || new.id$$);
select crm_sync.attach('calls', 'lead', array['label'], $$'call:' || new.id$$);
insert into visits values (1, 'a visit');
insert into calls values (1, 'a call');
alter table visits rename to visitors;
alter table calls rename to visits;
alter table visitors rename to calls;
insert into visits values (2, 'written to what is visits now');
select from crm_sync.reattach();
select from crm_sync.tick();
select results_eq(
    $$select table_name, ordering_key, status, record ->> 'label' from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('public.visits', 'visit:1', 'in_flight', 'a visit'), ('public.calls', 'call:1', 'in_flight', 'a call'),
             ('public.visits', 'visit:2', 'in_flight', 'written to what is visits now')$$,
    'what waited has the values of the table that it was written to, and what is written then goes by the new names');
select results_eq(
    $$select tgrelid::regclass::text, tgfoid::regproc::text from pg_trigger
      where tgrelid in ('visits'::regclass, 'calls'::regclass) and tgname = 'crm_sync_capture_update' order by 1$$,
    $$values ('calls', 'crm_sync._capture__calls'), ('visits', 'crm_sync._capture__visits')$$, 'each has triggers of its own');
select is_empty($$select from crm_sync.capture_failures$$, 'nothing is left');
select is(
    (select level from crm_sync.health() where check_name = 'triggers'), 'ok', 'and health() finds nothing');

select * from finish();
rollback;
