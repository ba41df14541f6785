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

grant insert on leads to authenticated;
create policy all_may on leads for insert to authenticated with check (true);
set local role authenticated;
set local crm_sync.capture = 'off';
set local crm_sync.origin = 'monelec';
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
reset role;
select results_eq('select status, last_error_code from crm_sync.deliveries', $$values ('cancelled', 'from_origin')$$, 'what it wrote is not sent back');

select * from finish();
rollback;
