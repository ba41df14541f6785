begin isolation level serializable;
set local search_path = public, extensions;
select plan(2);
insert into orders (id, order_number) values ('50000000-0000-4000-8000-000000000001', 'CMD-000001');
delete from crm_sync.capture_failures;
insert into orders (order_number) select 'CMD-000002' where false;
update orders set status = 'confirmed' where false;
update orders set updated_at = now();
update orders set order_number = order_number;
select is_empty($$select from crm_sync.capture_failures$$, 'statements that change no watched column');
update orders set id = '50000000-0000-4000-8000-000000000002';
select is((select row_ids from crm_sync.capture_failures), array['50000000-0000-4000-8000-000000000002'], 'a row of a new key is a new one');

select * from finish();
rollback;
