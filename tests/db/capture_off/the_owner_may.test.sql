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

-- Owner of the schema, and in no role of ours.
create role owner_of_crm_sync;
grant owner_of_crm_sync to current_user;
grant insert on leads to owner_of_crm_sync;
create policy all_may on leads for insert to owner_of_crm_sync with check (true);
do $$ begin execute format('grant create on database %I to owner_of_crm_sync', current_database()); end $$;
alter schema crm_sync owner to owner_of_crm_sync;
set local role owner_of_crm_sync;
set local crm_sync.capture = 'off';
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
reset role;
select is((select last_error_code from crm_sync.deliveries), 'capture_off', 'without the operator''s role');

select * from finish();
rollback;
