begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;

select results_eq(
    'select * from crm_sync.tick()',
    $$values ('capture_missed', 0), ('capture_related', 0), ('reconcile', 0), ('dispatch', 0)$$, 'in the order in which they are done');

select * from finish();
rollback;
