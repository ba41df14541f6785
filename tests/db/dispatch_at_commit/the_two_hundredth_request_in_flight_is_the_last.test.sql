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
insert into crm_sync.envelopes (envelope_id, destination, request_id, delivery_count, dispatched_at, lease_until)
select gen_random_uuid(), 'monelec', -n, 1, now(), now() + interval '1 hour' from generate_series(1, 199) as n;

insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
set constraints all immediate;
set constraints all deferred;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
set constraints all immediate;

select results_eq(
    $$select route, status from crm_sync.deliveries where captured_at >= now() order by 1$$,
    $$values ('lead', 'pending'), ('order_confirmation', 'in_flight')$$, 'over all destinations; the next one waits');

select * from finish();
rollback;
