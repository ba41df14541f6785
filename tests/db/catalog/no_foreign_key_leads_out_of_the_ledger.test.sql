begin;
set local search_path = public, extensions;
select plan(1);

select is_empty(
    $$select conrelid::regclass, conname from pg_constraint
      where contype = 'f' and conrelid in (
          'crm_sync.deliveries'::regclass, 'crm_sync.delivery_attempts'::regclass, 'crm_sync.envelopes'::regclass,
          'crm_sync.capture_failures'::regclass, 'crm_sync.related_changes'::regclass)$$,
    'it would lock a row that every writer needs');

select * from finish();
rollback;
