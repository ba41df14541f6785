begin;
set local search_path = public, extensions;
select plan(2);

insert into leads (id, email, source) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test', 'web');

select results_eq(
    $$select route, destination, table_name, row_id, operation, ordering_key, record, status, attempt_count,
             next_attempt_at, is_parked, is_backfill, dispatch_at_commit, envelope_id, claimed_at, finished_at
      from crm_sync.deliveries where row_id = '10000000-0000-4000-8000-000000000001'$$,
    $$values ('lead', 'monelec', 'public.leads', '10000000-0000-4000-8000-000000000001', 'INSERT',
              'lead:10000000-0000-4000-8000-000000000001', null::jsonb, 'pending', 0,
              now(), false, false, true, null::uuid, null::timestamptz, null::timestamptz)$$,
    'the ledger holds the row by its id; a state is read only when it is claimed');

select is(
    (select get_byte(uuid_send(idempotency_key), 6) >> 4 from crm_sync.deliveries
     where row_id = '10000000-0000-4000-8000-000000000001'),
    4, 'its idempotency key is a random uuid (version 4)');

select * from finish();
rollback;
