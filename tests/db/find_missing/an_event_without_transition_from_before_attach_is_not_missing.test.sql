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

create table bookings (id int primary key, status text, created_at timestamptz, updated_at timestamptz default clock_timestamp());
select crm_sync.attach('bookings', 'order_confirmation', '{status}', $$'booking:' || new.id$$, p_condition => $$new.status = 'booked'$$);
insert into bookings values (1, 'booked', clock_timestamp() - interval '2 years'), (2, 'booked', clock_timestamp());
delete from crm_sync.deliveries where captured_at >= now();
select is((select array_agg(row_id) from crm_sync.find_missing('bookings')), array['2'], 'touched now, booked two years ago');

select * from finish();
rollback;
