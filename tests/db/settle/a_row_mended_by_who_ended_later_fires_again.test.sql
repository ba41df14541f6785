begin;
set local search_path = public, extensions;
select plan(5);
update crm_sync.settings set is_running = false;

insert into orders (id, status, quantity, client_city)
values ('50000000-0000-4000-8000-000000000001', 'confirmed', 0, 'Lyon'), ('50000000-0000-4000-8000-000000000002', 'confirmed', 0, 'Lyon'),
       ('50000000-0000-4000-8000-000000000003', 'confirmed', 0, 'Lyon');
update crm_sync.deliveries
set status = 'dead', claimed_at = now(), last_error_code = 'receiver_status_422',
    finished_at = now() - case when row_id like '%3' then interval '25 hours' else interval '1 hour' end;
-- What is written in an open transaction finds its delivery not yet dead: the transition lies in the past.
alter table orders disable trigger crm_sync_capture_update;
update orders set quantity = 2 where id <> '50000000-0000-4000-8000-000000000002';
alter table orders enable trigger crm_sync_capture_update;

select crm_sync._look_for_mended(now());
select results_eq(
    $$select right(row_id, 1), record ->> 'quantity' from crm_sync.deliveries where status = 'pending'$$, $$values ('1', '2')$$,
    'one that was mended, of those that went dead within a day');
select crm_sync._look_for_mended(now());
select is((select count(*) from crm_sync.deliveries where status = 'pending'), 1::bigint, 'once');
update crm_sync.deliveries set status = 'cancelled', finished_at = now() where status = 'pending';
select crm_sync._look_for_mended(now());
select is((select count(*) from crm_sync.deliveries where status = 'pending'), 0::bigint, 'not what was given up since');

update orders set quantity = 3 where id = '50000000-0000-4000-8000-000000000002';
select is((select count(*) from crm_sync.deliveries where row_id like '%2' and status = 'pending'), 1::bigint, 'what is mended later fires at once');
select crm_sync._look_for_mended(now());
select is((select count(*) from crm_sync.deliveries where row_id like '%2' and status = 'pending'), 1::bigint, 'and no more');

select * from finish();
rollback;
