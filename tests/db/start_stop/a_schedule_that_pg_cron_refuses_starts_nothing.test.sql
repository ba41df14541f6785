begin;
set local search_path = public, extensions;
select plan(2);
select crm_sync.stop();

select throws_ok($$select crm_sync.start('now and then')$$, null, null, 'its error is passed on');
select is((select is_running from crm_sync.settings), false, 'nothing leaves');

select * from finish();
rollback;
