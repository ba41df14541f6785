begin;
set local search_path = public, extensions;
select plan(1);

select results_eq(
    $$select route, kind, destination from crm_sync.routes order by position$$,
    $$values ('lead', 'state', 'monelec'), ('request', 'state', 'monelec'), ('payment_session', 'event', 'monelec'),
             ('payment_intent', 'event', 'monelec'), ('payment_status', 'state', 'monelec'), ('order_confirmation', 'event', 'elementor')$$,
    'kind and receiver of each, in the contract''s order');

select * from finish();
rollback;
