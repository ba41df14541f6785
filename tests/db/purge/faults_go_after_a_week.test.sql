begin;
set local search_path = public, extensions;
select plan(1);

delete from crm_sync.faults;
insert into crm_sync.faults (place, sql_state, noticed_at)
values ('tick: dispatch', '42703', '2040-05-25 00:00:01+00'), ('tick: reconcile', '42703', '2040-05-24 23:59:59+00');
select crm_sync.purge('2040-06-01 00:00:00+00');

select is((select array_agg(place) from crm_sync.faults), array['tick: dispatch'], 'as records do');

select * from finish();
rollback;
