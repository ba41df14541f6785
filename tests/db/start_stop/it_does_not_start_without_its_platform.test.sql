begin;
set local search_path = public, extensions;
select plan(2);

create or replace function crm_sync._require_platform() returns void language plpgsql as $$
begin
    raise exception 'crm-sync can not start without pg_cron (cron.schedule)' using errcode = 'CS012';
end $$;
select crm_sync.stop();
select throws_ok('select crm_sync.start()', 'CS012', null, 'CS012');
select is((select is_running from crm_sync.settings), false, 'nothing leaves');

select * from finish();
rollback;
