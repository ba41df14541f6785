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

create table public.visits (id int primary key, label text);
select crm_sync.attach('visits', 'lead', array['label'], $$'visit:' || new.id$$);
select crm_sync.attach('visits', 'order_confirmation', array['label'], $$'visit:' || new.id$$);
insert into visits values (1, 'a');
set constraints all immediate;
select results_eq(
    $$select destination, status from crm_sync.deliveries where captured_at >= now() order by 1$$,
    $$values ('elementor', 'in_flight'), ('monelec', 'in_flight')$$, 'neither waits for the other');

update crm_sync.destinations set is_paused = true where destination = 'elementor';
insert into visits values (2, 'b');
select crm_sync.tick(clock_timestamp());
select results_eq(
    $$select destination, status, is_parked from crm_sync.deliveries where captured_at >= now() and row_id = '2' order by 1$$,
    $$values ('elementor', 'pending', false), ('monelec', 'in_flight', false)$$, 'nor is parked behind it');

select * from finish();
rollback;
