begin;
set local search_path = public, extensions;
select plan(1);

insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test');
update customers set updated_at = '2030-01-01' where id = '30000000-0000-4000-8000-000000000001';
update customers set email = 'ada@example.test' where id = '30000000-0000-4000-8000-000000000001';

select is_empty('select * from crm_sync.related_changes', 'neither an insert, nor an unwatched column, nor the same value');

select * from finish();
rollback;
