begin;
set local search_path = public, extensions;
select plan(1);

insert into payments (id, stripe_session_id, status) values
    ('40000000-0000-4000-8000-000000000002', 'cs_2', 'succeeded'),
    ('40000000-0000-4000-8000-000000000001', 'cs_1', 'succeeded');

select results_eq(
    $$select row_id, array_agg(route order by delivery_id) from crm_sync.deliveries where captured_at >= now() group by row_id order by row_id$$,
    $$values ('40000000-0000-4000-8000-000000000001', array['payment_session', 'payment_status']),
             ('40000000-0000-4000-8000-000000000002', array['payment_session', 'payment_status'])$$,
    'the creation before the success');

select * from finish();
rollback;
