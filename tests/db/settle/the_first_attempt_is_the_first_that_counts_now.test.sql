begin;
set local search_path = public, extensions;
select plan(2);

-- Two attempts before it was redelivered, then two that count, with one before each that does not; and those of another.
insert into crm_sync.deliveries (route, destination, table_name, row_id, operation, ordering_key, record, claimed_at)
select 'lead', 'monelec', 'public.leads', row_id, 'INSERT', 'a', '{}', '2040-01-01 00:30:00+00' from unnest(array['x', 'y']) as row_id;
insert into crm_sync.delivery_attempts (delivery_id, envelope_id, attempt, is_counted, outcome, dispatched_at, settled_at)
select deliveries.delivery_id, gen_random_uuid(), tries.n, tries.is_counted, 'retry',
       '2040-01-01 00:00:00+00'::timestamptz + tries.n * interval '1 hour', '2040-01-01 00:01:00+00'::timestamptz + tries.n * interval '1 hour'
from crm_sync.deliveries
join (values ('x', 1, true), ('x', 2, true), ('x', 3, false), ('x', 4, true), ('x', 5, false), ('x', 6, true), ('y', 7, true), ('y', 8, true))
    as tries (row_id, n, is_counted) on tries.row_id = deliveries.row_id;

update crm_sync.deliveries set attempt_count = 3 where row_id = 'x';
select is(
    (select crm_sync._first_attempt_at(deliveries) from crm_sync.deliveries where row_id = 'x'), '2040-01-01 04:00:00+00'::timestamptz,
    'of three, of which the third is being settled');
update crm_sync.deliveries set attempt_count = 2 where row_id = 'x';
select is(
    (select crm_sync._first_attempt_at(deliveries) from crm_sync.deliveries where row_id = 'x'), '2040-01-01 06:00:00+00'::timestamptz,
    'of two');

select * from finish();
rollback;
