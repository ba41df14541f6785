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

create table public.visits (id int primary key, label text);
create table public.calls (id int primary key, label text);
select crm_sync.attach('visits', 'lead', array['label'], $$'person:' || new.id$$);
select crm_sync.attach('visits', 'request', array['label'], $$'person:' || new.id$$);
select crm_sync.attach('calls', 'lead', array['label'], $$'person:' || new.id$$);
insert into visits values (1, 'a');
insert into calls values (2, 'b');
insert into visits values (2, 'c');
set constraints all immediate;
select results_eq(
    $$select table_name, route, status from crm_sync.deliveries where captured_at >= now() and row_id = '1' order by delivery_id$$,
    $$values ('public.visits', 'lead', 'in_flight'), ('public.visits', 'request', 'in_flight')$$, 'what another route says is another thing');
select results_eq(
    $$select table_name, route, status from crm_sync.deliveries where captured_at >= now() and row_id = '2' order by delivery_id$$,
    $$values ('public.calls', 'lead', 'in_flight'), ('public.visits', 'lead', 'in_flight'), ('public.visits', 'request', 'in_flight')$$,
    'a row of another table is another row');

select * from finish();
rollback;
