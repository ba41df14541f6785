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

set local crm_sync.origin = 'an office';
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
set constraints all immediate;
select is((select status from crm_sync.deliveries), 'in_flight', 'sent as ever, at commit');

select results_eq(
    $$select place, sql_state, detail from crm_sync.faults$$,
    $$values ('crm_sync.origin', 'CS062', 'crm_sync.origin is none of the destinations: they are all told')$$, 'and somebody hears of it');

select * from finish();
rollback;
