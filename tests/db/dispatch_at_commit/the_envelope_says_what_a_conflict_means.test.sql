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
update crm_sync.destinations set treats_409_as_delivered = true where destination = 'monelec';

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
set constraints all immediate;
select results_eq(
    $$select convert_from(body, 'UTF8')::jsonb ->> 'destination', convert_from(body, 'UTF8')::jsonb -> 'conflict_is_delivered'
      from net.http_request_queue order by 1$$,
    $$values ('elementor', 'false'::jsonb), ('monelec', 'true'::jsonb)$$, 'as the destination is set');

select * from finish();
rollback;
