begin;
set local search_path = public, extensions;
select plan(1);

select results_eq(
    $$select proname::text collate "default", settings.setting collate "default"
      from pg_proc cross join unnest(proconfig) as settings (setting)
      where pronamespace = 'crm_sync'::regnamespace and settings.setting like 'lock_timeout=%'
        and proname !~ '^_capture__(?!leads)'
      order by 1$$,
    $$values ('_capture__leads', 'lock_timeout=200ms'), ('_capture_failed', 'lock_timeout=20ms'),
             ('_detach', 'lock_timeout=3s'), ('_dispatch_at_commit', 'lock_timeout=200ms'), ('_follow_all_renames', 'lock_timeout=3s'), ('_follow_rename', 'lock_timeout=3s'), ('_http_log', 'lock_timeout=50ms'), ('_lock_shortly', 'lock_timeout=600ms'), ('_note_fault', 'lock_timeout=20ms'),
             ('_one_at_a_time', 'lock_timeout=10s'), ('_reattach_table', 'lock_timeout=3s'), ('alert', 'lock_timeout=50ms'), ('health', 'lock_timeout=50ms'), ('test_alert', 'lock_timeout=3s'), ('tick', 'lock_timeout=1s')$$,
    'where the application waits with us 200 ms, the tick 1 s, an operator 3 s, attaching five times 600 ms, one who attaches for another 10 s, who looks 50 ms');

select * from finish();
rollback;
