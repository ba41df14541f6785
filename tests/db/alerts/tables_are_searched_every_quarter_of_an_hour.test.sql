begin;
set local search_path = public, extensions;
select plan(3);
select is(crm_sync._checks_to_alert('2026-01-01 00:14:59+00') @> array['missing_rows'], false, 'not each minute');
select is(crm_sync._checks_to_alert('2026-01-01 00:15:59+00') @> array['missing_rows'], true, 'but then');
insert into crm_sync.alerts (check_name, level, detail, raised_at) values ('missing_rows', 'unknown', 'could not look', now() - interval '11 minutes');
select is_empty($$select * from crm_sync._alerts_to_tell(now(), array['breakers'])$$, 'and told of only then');

select * from finish();
rollback;
