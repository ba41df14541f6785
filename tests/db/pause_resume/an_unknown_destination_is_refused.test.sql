begin;
set local search_path = public, extensions;
select plan(3);

prepare pause_unknown as select crm_sync.pause('monalec');
select throws_ok('pause_unknown', 'CS020', 'crm-sync knows no destination "monalec"', 'pause');
select throws_ok($$select crm_sync.resume('monalec')$$, 'CS020', 'crm-sync knows no destination "monalec"', 'resume');
select is_empty($$select * from crm_sync.operations where operated_at >= now()$$, 'and no line says that it was done');

select * from finish();
rollback;
