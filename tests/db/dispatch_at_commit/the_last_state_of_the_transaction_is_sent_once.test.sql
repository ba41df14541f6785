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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
update leads set phone = '06' where id = '10000000-0000-4000-8000-000000000001';
update leads set phone = '07' where id = '10000000-0000-4000-8000-000000000001';
set constraints all immediate;

select results_eq(
    $$select operation, status, record ->> 'phone',
             covered_by = (select max(delivery_id) from crm_sync.deliveries where captured_at >= now())
      from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('INSERT', 'pending', null, true), ('UPDATE', 'pending', null, true), ('UPDATE', 'in_flight', '07', null::boolean)$$,
    'the newest leaves; the older ones are covered by it');

select * from finish();
rollback;
