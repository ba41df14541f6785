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

grant insert on leads to anon;
create policy visitors_leave_leads on leads for insert to anon with check (true);
set local role anon;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
set constraints all immediate;
reset role;

select results_eq(
    $$select status, record ->> 'email' from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('in_flight', 'ada@example.test')$$, 'as everybody''s');

select * from finish();
rollback;
