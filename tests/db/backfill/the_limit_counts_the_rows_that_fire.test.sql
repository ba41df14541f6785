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

insert into requests (id, status, updated_at)
select ('20000000-0000-4000-8000-00000000000' || n)::uuid, case when n <= 4 then 'draft' else 'submitted' end, timestamptz '2040-01-01' + n * interval '1 day'
from generate_series(1, 6) as n;
insert into payments (id, stripe_session_id, status, updated_at)
select ('40000000-0000-4000-8000-00000000000' || n)::uuid, 'cs_' || n, case when n <= 2 then 'pending' else 'succeeded' end, timestamptz '2040-01-01' + n * interval '1 day'
from generate_series(1, 4) as n;
delete from crm_sync.deliveries where captured_at >= now();
select crm_sync.backfill('request', p_since => '2040-01-01', p_limit => 1);
select crm_sync.backfill('payment_status', p_since => '2040-01-01', p_limit => 1);
select results_eq(
    $$select route, right(row_id, 1) from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('request', '5'), ('payment_status', '3')$$, 'older drafts and open payments take no room');

select crm_sync.attach(
    'orders', 'order_confirmation', array['status'], $$'order:' || new.id$$,
    p_transition => $$old.status = 'pending' and new.status = 'confirmed'$$);
insert into orders (id, status, updated_at)
select ('50000000-0000-4000-8000-00000000000' || n)::uuid, 'pending', timestamptz '2040-01-01' + n * interval '1 day' from generate_series(1, 2) as n;
update orders set status = 'confirmed' where id = '50000000-0000-4000-8000-000000000002';
update crm_sync.deliveries set status = 'dead', finished_at = now() where route = 'order_confirmation';
update orders set status = 'confirmed';
create temp table captured as select * from crm_sync.backfill('order_confirmation', p_since => '2040-01-01', p_limit => 1);
select results_eq(
    $$select right(row_id, 1) from captured join crm_sync.deliveries using (delivery_id)$$,
    $$values ('2')$$, 'nor does a row that no transition fires; one whose last is dead is mended');

select * from finish();
rollback;
