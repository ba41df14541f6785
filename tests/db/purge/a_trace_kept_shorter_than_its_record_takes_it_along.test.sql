begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings
set is_running = true, keep_trace = '5 days', keep_record_delivered = '7 days', keep_record_dead = '90 days';

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 4) as n;
update crm_sync.deliveries
set status = made.status, record = '{"email": "ada@example.test"}', finished_at = '2040-06-01'::timestamptz - age
from (values ('1', 'delivered', interval '5 days 1 second'), ('2', 'delivered', '4 days 23:59:59'), ('3', 'dead', '6 days'),
             ('4', 'dead', '4 days')) as made (n, status, age)
where captured_at >= now() and right(row_id, 1) = n;
select results_eq(
    $$select * from crm_sync.purge('2040-06-01') where what in ('records', 'deliveries')$$, $$values ('records', 0), ('deliveries', 2)$$,
    'no record is kept longer than its delivery');

select is(
    (select array_agg(right(row_id, 1) order by row_id) from crm_sync.deliveries where captured_at >= now() and record is not null),
    array['2', '4'], 'a younger one keeps both');

select * from finish();
rollback;
