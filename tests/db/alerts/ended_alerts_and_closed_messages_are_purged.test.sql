begin;
set local search_path = public, extensions;
select plan(2);
insert into crm_sync.alerts (check_name, level, detail, raised_at, told_at, ended_at)
values ('one', 'error', 'old', now() - interval '200 days', now() - interval '200 days', now() - interval '181 days'),
       ('two', 'error', 'newer', now() - interval '200 days', now() - interval '200 days', now() - interval '179 days'),
       ('three', 'error', 'lasting', now() - interval '200 days', null, null),
       ('four', 'error', 'flapping', now() - interval '200 days', null, now() - interval '8 days');
insert into crm_sync.alert_messages (text, written_at, closed_at)
values ('old', now() - interval '200 days', now() - interval '181 days'), ('newer', now() - interval '200 days', now() - interval '179 days');
select is((select purged_count from crm_sync.purge() where what = 'alerts'), 3, 'after settings.keep_trace, or a week where nobody was told');
select results_eq($$ select detail from crm_sync.alerts union all select text from crm_sync.alert_messages order by 1 $$, $$ values ('lasting'), ('newer'), ('newer') $$, 'no other');

select * from finish();
rollback;
