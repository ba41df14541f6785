begin;
set local search_path = public, extensions;
select plan(6);

select is(crm_sync._is_exhausted(array_fill('1 s'::interval, array[10]), attempts, '2026-01-01 00:00:00+00', delivered_at), expected, case_name)
from (values
    ('ten attempts, the destination takes others', 10, '2026-01-02 00:00:00+00'::timestamptz, false),
    ('eleven, it takes others',                     11, '2026-01-02 00:00:00+00', true),
    ('eleven, it took another one before the first attempt only', 11, '2025-12-31 00:00:00+00', false),
    ('eleven, it never took anything',              11, null, false),
    ('a hundred, it never took anything',           100, null, false),
    ('a hundred, it takes others again',            100, '2026-01-01 00:00:01+00', true)
) as cases (case_name, attempts, delivered_at, expected);

select * from finish();
rollback;
