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

set local crm_sync.capture = 'off';
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into orders (id, order_number, status) values ('50000000-0000-4000-8000-000000000001', 'CMD-000001', 'confirmed');
set local crm_sync.capture = 'on';
select is(crm_sync.row_status('leads', '10000000-0000-4000-8000-000000000001'), 'not sent: capture off', 'it says why');
select crm_sync.redeliver(array(select delivery_id from crm_sync.deliveries));
select crm_sync.tick();
select results_eq($$select route, status, coalesce(record ->> 'email', record ->> 'order_number') from crm_sync.deliveries order by 1$$,
    $$values ('lead', 'in_flight', 'ada@example.test'), ('order_confirmation', 'in_flight', 'CMD-000001')$$, 'as if nothing had been');

select * from finish();
rollback;
