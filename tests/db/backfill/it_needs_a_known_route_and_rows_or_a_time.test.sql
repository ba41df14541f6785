begin;
set local search_path = public, extensions;
select plan(4);

select throws_ok($$select crm_sync.backfill('leads', array['1'])$$, 'CS002', 'crm-sync knows no route "leads"', 'an unknown route');
select throws_ok(
    $$select crm_sync.backfill('lead')$$, 'CS021', 'backfill needs row ids or a time since when rows were changed', 'never a whole table by accident');
select is_empty($$select * from crm_sync.operations where operated_at >= now()$$, 'and no line says that it was done');

select crm_sync.define_route('unused', 'state', 'monelec');
select is_empty($$select crm_sync.backfill('unused', p_since => now())$$, 'a route that no table fires has no rows');

select * from finish();
rollback;
