begin;
set local search_path = public, extensions;
select plan(5);

create temp table before as select max(position) as position from crm_sync.routes;
select crm_sync.define_route('newsletter', 'event', 'mailer', '{"email": "crm-sync-test@example.com"}');
select results_eq(
    $$select routes.position - before.position, kind, destination, test_record from crm_sync.routes, before where route = 'newsletter'$$,
    $$values (1, 'event', 'mailer', '{"email": "crm-sync-test@example.com"}'::jsonb)$$, 'behind those that are there');
select results_eq(
    $$select destination, state from crm_sync.destinations join crm_sync.breakers on breaker = destination where destination = 'mailer'$$,
    $$values ('mailer', 'closed')$$, 'with its destination, which is called');
select crm_sync.define_route('newsletter', 'event', 'mailer', null);
select results_eq(
    $$select routes.position - before.position, test_record from crm_sync.routes, before where route = 'newsletter'$$, $$values (1, null::jsonb)$$,
    'said again it has the new test record, and its place');
select throws_ok($$select crm_sync.define_route('newsletter', 'state', 'mailer')$$, 'CS034', 'route newsletter is there: event to mailer', 'what it has captured is of its kind');
select throws_ok($$select crm_sync.define_route('other', 'often', 'mailer')$$, '23514', null, 'there are two kinds');

select * from finish();
rollback;
