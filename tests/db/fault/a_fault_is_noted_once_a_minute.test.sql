begin;
set local search_path = public, extensions;
select plan(2);

select crm_sync._note_fault('here', 'CS010', 'no url');
select crm_sync._note_fault('here', 'CS010', 'no url');
select crm_sync._note_fault('here', 'CS011', 'another');
select crm_sync._note_fault('there', 'CS010', 'no url');
select results_eq(
    $$select place, sql_state from crm_sync.faults where noticed_at >= now() order by fault_id$$,
    $$values ('here', 'CS010'), ('here', 'CS011'), ('there', 'CS010')$$, 'for each place and SQLSTATE');

update crm_sync.faults set noticed_at = noticed_at - interval '61 seconds' where noticed_at >= now();
select crm_sync._note_fault('here', 'CS010', 'no url');
select is((select count(*)::int from crm_sync.faults where noticed_at >= now()), 1, 'and again a minute later');

select * from finish();
rollback;
