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

update crm_sync.settings set max_envelope_deliveries = 150, max_envelope_bytes = 1000000, max_delivery_bytes = 1000000;
do $$
begin
    for v_statement in 1 .. 8 loop
        insert into public.leads (id, email) select gen_random_uuid(), 'ada@example.test' from generate_series(1, 20);
    end loop;
end $$;
set constraints all immediate;
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now() and status = 'in_flight'), 100, 'a hundred');
select is(
    (select max(delivery_id) filter (where status = 'in_flight') < min(delivery_id) filter (where status = 'pending')
     from crm_sync.deliveries where captured_at >= now()), true, 'in the order of capture');

select * from finish();
rollback;
