begin;
set local search_path = public, extensions;
select plan(2);
-- The record names a column of the table, but holds it as text.
create table public.counted (id bigint primary key, amount bigint, status text);
select crm_sync.attach('public.counted', 'payment_status',
    p_watched => array['amount', 'status'], p_ordering_key => $$'request:' || new.id$$,
    p_condition => $$new.status = 'succeeded'$$, p_transition => $$old.status is distinct from 'succeeded'$$,
    p_joined => $$jsonb_build_object('amount', this.amount::text)$$);
insert into public.counted values (1, 42, 'succeeded');
update crm_sync.deliveries set status = 'dead', finished_at = now(), claimed_at = now(), record = '{"id": 1, "amount": "42", "status": "succeeded"}';

select crm_sync._recapture_mended(array_agg(delivery_id)) from crm_sync.deliveries;
select is((select count(*)::int from crm_sync.deliveries), 1, 'what is the same is not sent again');
update public.counted set amount = 43;
delete from crm_sync.deliveries where status <> 'dead';
select crm_sync._recapture_mended(array_agg(delivery_id)) from crm_sync.deliveries;
select is((select count(*)::int from crm_sync.deliveries), 2, 'what is another is');

select * from finish();
rollback;
