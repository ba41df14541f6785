begin;
set local search_path = public, extensions;
select plan(5);

-- One statement changed four rows: Ada's own, one that was hers, one that became hers, and Bob's. None could be captured.
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test'), ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
insert into crm_sync.capture_failures (table_name, operation, row_ids, old_rows, new_rows, sql_state, failed_at) values
    ('public.leads', 'UPDATE',
     array['10000000-0000-4000-8000-000000000001', '10000000-0000-4000-8000-000000000002', '10000000-0000-4000-8000-000000000003', '10000000-0000-4000-8000-000000000004'],
     '[{"n": 1, "email": "maiden@example.test"}, {"n": 2, "email": "bob@example.test"}, {"n": 3, "email": "ADA@example.test "}, {"n": 4, "email": "eva@example.test"}]',
     '[{"n": 1, "email": "ada@example.test"}, {"n": 2, "email": "rob@example.test"}, {"n": 3, "email": "kim@example.test"}, {"n": 4, "email": "ada@example.test"}]',
     '55P03', '2026-11-22 10:00+00'),
    ('public.gone', 'INSERT', '{7, 8}', '[]', '[{"n": 7, "email": null, "phone": "06 12 34 56 78"}, {"n": 8, "email": ""}]', '42703', '2026-11-22 11:00+00');
delete from crm_sync.deliveries;

create temp table exported as select * from crm_sync.export_person('ada@example.test');
select results_eq(
    $$select kind, table_name, right(row_id, 1), delivery_id, route, destination, status, captured_at, finished_at, data
      from exported where kind <> 'row'$$,
    $$values
        ('missed change', 'public.leads', '1', null::bigint, null, null, null, timestamptz '2026-11-22 10:00+00', null::timestamptz,
         '{"old": {"n": 1, "email": "maiden@example.test"}, "new": {"n": 1, "email": "ada@example.test"}}'::jsonb),
        ('missed change', 'public.leads', '3', null, null, null, null, '2026-11-22 10:00+00', null, '{"old": {"n": 3, "email": "ADA@example.test "}}'),
        ('missed change', 'public.leads', '4', null, null, null, null, '2026-11-22 10:00+00', null, '{"new": {"n": 4, "email": "ada@example.test"}}')$$,
    'of their own row all of it, of others what tells of them, of a stranger''s nothing');
select is((select count(*)::int from exported where kind = 'row'), 1, 'beside their row');
select results_eq($$select affected_count from crm_sync.operations$$, $$values (4)$$, 'and counted in its line');
select results_eq(
    $$select kind, table_name, row_id, data from crm_sync.export_person('  ', '+33 6 12 34 56 78')$$,
    $$values ('missed change', 'public.gone', '7', '{"new": {"n": 7, "email": null, "phone": "06 12 34 56 78"}}'::jsonb)$$,
    'an insert into a table that is gone by now, and nobody''s by a blank email');
select crm_sync.erase_person('ada@example.test', p_count_only => false);
select is_empty($$select from crm_sync.export_person('ada@example.test') where kind <> 'row'$$, 'what is erased is told no more');

select * from finish();
rollback;
