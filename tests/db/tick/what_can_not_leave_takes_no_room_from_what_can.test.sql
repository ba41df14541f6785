begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

update crm_sync.destinations set is_paused = true where destination = 'elementor';
update crm_sync.destinations set max_deliveries_in_flight = 1 where destination = 'monelec';
insert into orders (id, quantity, status) values ('50000000-0000-4000-8000-000000000001', 1, 'confirmed');
insert into leads (id, email) values
    ('10000000-0000-4000-8000-000000000001', 'delivered@example.test'), ('10000000-0000-4000-8000-000000000002', 'retried@example.test'),
    ('10000000-0000-4000-8000-000000000003', 'due@example.test');
update leads set email = 'newer@example.test' where id = '10000000-0000-4000-8000-000000000002';
update crm_sync.deliveries
set is_backfill = false,
    status = case when row_id like '%1' and route = 'lead' then 'delivered' else 'pending' end,
    finished_at = case when row_id like '%1' and route = 'lead' then now() end,
    is_parked = row_id like '%2' and operation = 'UPDATE',
    claimed_at = case when row_id like '%2' and operation = 'INSERT' then now() end,
    next_attempt_at = now() + case
        when row_id like '%2' and operation = 'INSERT' then interval '1 hour'
        when row_id like '%3' then interval '0'
        else interval '-1 hour'
    end
where captured_at >= now();
update crm_sync.settings set is_running = true;
select crm_sync.tick(now() + interval '1 second');
select results_eq(
    $$select row_id from crm_sync.deliveries where captured_at >= now() and status = 'in_flight'$$,
    array['10000000-0000-4000-8000-000000000003'],
    'what was delivered, is parked or goes elsewhere is older, and takes no room');

select * from finish();
rollback;
