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

create table agencies (id int primary key, name text);
create table visits (id int primary key, agency_id int, updated_at timestamptz default now());
select crm_sync.attach('visits', 'lead', '{agency_id}', $$'visit:' || new.id$$);
select crm_sync.attach_related('agencies', 'lead', 'visits', '{name}', $$select visits.id::text from public.visits where visits.agency_id = new.id$$);
insert into agencies values (1, 'one');
update agencies set name = 'two';
update customers set siren = '552 100 554' where id = '30000000-0000-4000-8000-000000000001';
select crm_sync.detach('visits');
select results_eq($$select * from crm_sync.tick() where step = 'capture_related'$$, $$values ('capture_related', 2)$$, 'the customer''s requests are captured');
select is_empty('select * from crm_sync.related_changes where horizon is null', 'what counts no more was looked at, too');

select * from finish();
rollback;
