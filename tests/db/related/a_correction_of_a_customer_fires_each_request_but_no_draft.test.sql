begin;
set local search_path = public, extensions;
select plan(4);
update crm_sync.settings set is_running = false;

insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test'), ('30000000-0000-4000-8000-000000000002', 'bob@example.test');
insert into requests (id, customer_id, status) values
    ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001', 'submitted'),
    ('20000000-0000-4000-8000-000000000002', '30000000-0000-4000-8000-000000000001', 'draft'),
    ('20000000-0000-4000-8000-000000000003', '30000000-0000-4000-8000-000000000001', 'en_cours'),
    ('20000000-0000-4000-8000-000000000004', '30000000-0000-4000-8000-000000000002', 'submitted');
update crm_sync.deliveries set status = 'delivered', claimed_at = now() - interval '1 hour', finished_at = now() where captured_at >= now();

update customers set siren = '552 100 554' where id = '30000000-0000-4000-8000-000000000001';
select results_eq(
    $$select table_name, row_id from crm_sync.related_changes$$,
    $$values ('public.customers', '30000000-0000-4000-8000-000000000001')$$, 'the correction is noted, not yet looked at');
select results_eq($$select * from crm_sync.tick() where step = 'capture_related'$$, $$values ('capture_related', 2)$$, 'the tick does');
select results_eq(
    $$select route, table_name, row_id, operation, ordering_key, record, status from crm_sync.deliveries
      where captured_at >= now() and status = 'pending' order by row_id$$,
    $$values ('request', 'public.requests', '20000000-0000-4000-8000-000000000001', 'UPDATE', 'request:20000000-0000-4000-8000-000000000001', null::jsonb, 'pending'),
             ('request', 'public.requests', '20000000-0000-4000-8000-000000000003', 'UPDATE', 'request:20000000-0000-4000-8000-000000000003', null::jsonb, 'pending')$$,
    'two requests of theirs, neither the draft nor another customer''s');
select results_eq($$select * from crm_sync.tick() where step = 'capture_related'$$, $$values ('capture_related', 0)$$, 'once');

select * from finish();
rollback;
