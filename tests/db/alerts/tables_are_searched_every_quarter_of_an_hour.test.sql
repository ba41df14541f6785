begin;
set local search_path = public, extensions;
select plan(2);
select is(crm_sync._checks_to_alert('2026-01-01 00:14:59+00') @> array['missing_rows'], false, 'not each minute');
select is(crm_sync._checks_to_alert('2026-01-01 00:15:59+00') @> array['missing_rows'], true, 'but then');

select * from finish();
rollback;
