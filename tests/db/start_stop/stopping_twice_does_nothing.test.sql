begin;
set local search_path = public, extensions;
select plan(1);

select crm_sync.stop();
select lives_ok('select crm_sync.stop()', 'no error where there is no job');

select * from finish();
rollback;
