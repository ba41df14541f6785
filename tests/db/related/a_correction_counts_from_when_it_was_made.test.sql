begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;

insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test'), ('30000000-0000-4000-8000-000000000002', 'bob@example.test');
insert into requests (id, customer_id, status) values
    ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001', 'submitted'),
    ('20000000-0000-4000-8000-000000000002', '30000000-0000-4000-8000-000000000001', 'draft'),
    ('20000000-0000-4000-8000-000000000003', '30000000-0000-4000-8000-000000000001', 'en_cours'),
    ('20000000-0000-4000-8000-000000000004', '30000000-0000-4000-8000-000000000002', 'submitted');
update crm_sync.deliveries set status = 'delivered', claimed_at = now() - interval '1 hour', finished_at = now() where captured_at >= now();

update customers set siren = '552 100 554' where id = '30000000-0000-4000-8000-000000000001';
update crm_sync.related_changes set changed_at = '2026-01-02 03:04:05+00';
delete from crm_sync.deliveries;
select crm_sync.tick();
select results_eq(
    'select distinct captured_at from crm_sync.deliveries', $$values ('2026-01-02 03:04:05+00'::timestamptz)$$,
    'as what capture missed does: who gives up what is older means it, too');

select * from finish();
rollback;
