begin;
set local search_path = public, extensions;
select plan(3);

drop trigger crm_sync_capture_insert on leads;
drop function crm_sync._record__leads__lead(bigint[]);
select set_eq(
    'select crm_sync.reattach()',
    $$select table_name from crm_sync.attachments union select table_name from crm_sync.related_attachments order by 1$$,
    'it returns every attached table');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');

select is((select count(*)::int from crm_sync.deliveries where captured_at >= now()), 1, 'the trigger is there again, once');
select has_function('crm_sync', '_record__leads__lead', array['bigint[]'], 'so is the function');

select * from finish();
rollback;
