begin;
set local search_path = public, extensions;
select plan(1);

select throws_ok(
    $$select crm_sync.attach(null, 'lead', array['label'], 'new.id')$$,
    'CS004', 'null can not be attached: it is not an ordinary or partitioned table', 'by a name that became null, say');

select * from finish();
rollback;
