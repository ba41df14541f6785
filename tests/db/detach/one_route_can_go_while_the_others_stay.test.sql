begin;
set local search_path = public, extensions;
select plan(2);

select results_eq(
    $$select route from crm_sync.detach('public.payments', 'payment_status')$$, array['payment_status'], 'that one is returned');
insert into payments (id, stripe_session_id, status) values ('40000000-0000-4000-8000-000000000001', 'cs_1', 'succeeded');

select is(
    (select array_agg(route) from crm_sync.deliveries where captured_at >= now()),
    array['payment_session'], 'the others still fire');

select * from finish();
rollback;
