begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = false;

insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test'), ('30000000-0000-4000-8000-000000000002', 'bob@example.test');
insert into requests (id, customer_id, status) values
    ('20000000-0000-4000-8000-000000000001', '30000000-0000-4000-8000-000000000001', 'submitted'),
    ('20000000-0000-4000-8000-000000000002', '30000000-0000-4000-8000-000000000001', 'draft'),
    ('20000000-0000-4000-8000-000000000003', '30000000-0000-4000-8000-000000000001', 'en_cours'),
    ('20000000-0000-4000-8000-000000000004', '30000000-0000-4000-8000-000000000002', 'submitted');
update crm_sync.deliveries set status = 'delivered', claimed_at = now() - interval '1 hour', finished_at = now() where captured_at >= now();

update customers set siren = '552 100 554' where id = '30000000-0000-4000-8000-000000000001';
-- Looked at once more as long as an older transaction is open.
create temp table changes as select * from crm_sync.related_changes;
select crm_sync.tick();
insert into crm_sync.related_changes overriding system value select * from changes where related_change_id not in (select related_change_id from crm_sync.related_changes);
update crm_sync.deliveries set status = 'cancelled', finished_at = now()
where status = 'pending' and row_id = '20000000-0000-4000-8000-000000000001';
update crm_sync.deliveries set status = 'dead', finished_at = now()
where status = 'pending' and row_id = '20000000-0000-4000-8000-000000000003';
select isnt_empty('select * from crm_sync.related_changes', 'it is looked at again');
select results_eq($$select * from crm_sync.tick() where step = 'capture_related'$$, $$values ('capture_related', 0)$$, 'once is enough for each');

select * from finish();
rollback;
