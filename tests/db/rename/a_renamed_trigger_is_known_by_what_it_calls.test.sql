begin;
set local search_path = public, extensions;
select plan(3);

alter trigger crm_sync_capture_insert on leads rename to our_own_name_for_it;
select from crm_sync.reattach();
select bag_eq(
    $$select tgname::text from pg_trigger where tgrelid = 'leads'::regclass and not tgisinternal and tgname !~ 'updated_at'$$,
    $$values ('crm_sync_capture_insert'), ('crm_sync_capture_update')$$, 'it has its name again');
insert into leads (email) values ('ada@example.test');
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now()), 1, 'and captures once');
alter trigger crm_sync_capture_insert on leads rename to our_own_name_for_it;
select from crm_sync.detach('leads');
select is_empty(
    $$select from pg_trigger where tgrelid = 'leads'::regclass and tgfoid in (select oid from pg_proc where pronamespace = 'crm_sync'::regnamespace)$$,
    'detach() takes it off, too');

select * from finish();
rollback;
