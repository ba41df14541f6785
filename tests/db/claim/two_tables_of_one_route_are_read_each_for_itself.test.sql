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

create table public.visits (id int primary key, email text);
select crm_sync.attach('visits', 'lead', array['email'], $$'visit:' || new.id$$);
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into visits values (1, 'bob@example.test');
set constraints all immediate;
select results_eq(
    $$select table_name, status, record ->> 'email' from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('public.leads', 'in_flight', 'ada@example.test'), ('public.visits', 'in_flight', 'bob@example.test')$$,
    'a lead is a lead, whichever table it stands in');

select * from finish();
rollback;
