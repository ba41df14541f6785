begin;
set local search_path = public, extensions;
select plan(2);

select lives_ok(
    $$select crm_sync.detach(tables.name::regclass)
      from (select distinct table_name as name from crm_sync.attachments) as tables$$, 'one after another');
select is_empty(
    $$select tgname from pg_trigger where tgname like 'crm_sync_capture%'$$, 'none is captured any more');

select * from finish();
rollback;
