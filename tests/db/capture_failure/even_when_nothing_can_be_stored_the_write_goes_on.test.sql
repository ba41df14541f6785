begin;
set local search_path = public, extensions;
select plan(3);

alter table crm_sync.deliveries add constraint the_ledger_is_broken check (false) not valid;
alter table crm_sync.capture_failures add constraint so_is_this check (false) not valid;

select lives_ok($$insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test')$$, 'the insert goes through');
select lives_ok($$update leads set email = 'eve@example.test' where id = '10000000-0000-4000-8000-000000000001'$$, 'so does the update');
select is((select email from leads where id = '10000000-0000-4000-8000-000000000001'), 'eve@example.test', 'with its effect');

-- No rollback takes it back: later tests would look for what is missing here.
select setval('crm_sync.unstored_changes', 1, false);
select * from finish();
rollback;
