begin;
set local search_path = public, extensions;
select plan(1);

insert into customers (id, email) values ('30000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into requests (id, status) values ('20000000-0000-4000-8000-000000000001', 'draft');
alter table requests disable trigger crm_sync_capture_update;
update requests set status = 'submitted' where id = '20000000-0000-4000-8000-000000000001';
alter table requests enable trigger crm_sync_capture_update;

update requests set customer_id = '30000000-0000-4000-8000-000000000001';
update requests set type_raccordement = 'definitif';
update requests set usage = 'maison';
update requests set address = '1 rue de la Paix';
update requests set city = 'Lyon';
update requests set zip_code = '01000';
update requests set phase = 'mono';
update requests set power_kva = 12;
update requests set is_viabilise = false;
update requests set status = 'en_cours';

select is(
    (select array_agg(operation) from crm_sync.deliveries where captured_at >= now()),
    array_fill('UPDATE'::text, array[10]), 'ten columns, ten deliveries');

select * from finish();
rollback;
