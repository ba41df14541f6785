begin;
set local search_path = public, extensions;
select plan(93);

create temp table cases (
    case_name text, outcome text, is_counted boolean, envelope_failed boolean, http_status int, retry_after int, attempts_before int, failures_before int,
    status text, attempts int, failures int, shortest interval, longest interval);
insert into cases values
    ('delivered',                        'delivered',     true,  false, 201,  null, 0, 0, 'delivered', 1, 0, null, null),
    ('delivered at the third attempt',   'delivered',     true,  false, 200,  null, 2, 3, 'delivered', 3, 0, null, null),
    ('retry',                            'retry',         true,  false, 503,  null, 0, 0, 'pending',   1, 0, '8 s', '12 s'),
    ('retry, second time',               'retry',         true,  false, 503,  null, 1, 0, 'pending',   2, 0, '48 s', '72 s'),
    ('Retry-After raises the wait',      'retry',         true,  false, 429,  3600, 0, 0, 'pending',   1, 0, '1 hour', '1 hour'),
    ('Retry-After never lowers it',      'retry',         true,  false, 429,  1,    1, 0, 'pending',   2, 0, '48 s', '72 s'),
    ('Retry-After has a cap',            'retry',         true,  false, 429,  999999, 0, 0, 'pending', 1, 0, '1 day', '1 day'),
    ('409 is retried by default',        'retry',         true,  false, 409,  null, 0, 0, 'pending',   1, 0, '8 s', '12 s'),
    ('reject',                           'reject',        true,  false, 422,  null, 0, 0, 'dead',      1, 0, null, null),
    ('misconfigured',                    'misconfigured', false, false, 401,  null, 4, 2, 'pending',   4, 0, '32 s', '48 s'),
    ('not attempted',                    'not_attempted', false, false, null, null, 4, 0, 'pending',   4, 0, '0', '0'),
    ('unknown may have arrived',         'unknown',       true,  false, null, null, 0, 0, 'pending',   1, 0, '20 s', '20 s'),
    ('unknown later on',                 'unknown',       true,  false, null, null, 1, 0, 'pending',   2, 0, '48 s', '72 s'),
    ('first envelope failure',           'unknown',       false, true,  null, null, 4, 0, 'pending',   4, 1, '20 s', '20 s'),
    ('third envelope failure in a row',  'unknown',       false, true,  null, null, 4, 2, 'pending',   4, 3, '32 s', '48 s'),
    ('tenth',                            'unknown',       false, true,  null, null, 4, 9, 'pending',   4, 10, '12 minutes', '18 minutes');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');

create temp table verdicts as
select cases.*, verdict as judged
from cases
join crm_sync.deliveries on deliveries.captured_at >= now()
join crm_sync.destinations on destinations.destination = deliveries.destination
cross join lateral crm_sync._judge(
    jsonb_populate_record(deliveries, jsonb_build_object(
        'status', 'in_flight', 'claimed_at', '2026-01-01T00:00:00Z', 'next_attempt_at', '2026-01-01T00:00:00Z',
        'attempt_count', attempts_before, 'envelope_failure_count', failures_before,
        'wait_count', failures_before)),
    destinations,
    row(deliveries.delivery_id, null, outcome, is_counted, envelope_failed, http_status, cases.retry_after, 'a_code', null)::crm_sync.settlement,
    '2026-01-01 12:00:00+00') as verdict;

select is((judged).status, status, case_name || ': status') from verdicts;
select is((judged).attempt_count, attempts, case_name || ': attempts') from verdicts;
select is((judged).envelope_failure_count, failures, case_name || ': envelope failures in a row') from verdicts;
select is((judged).last_outcome, outcome, case_name || ': last outcome') from verdicts;
select is(
    (judged).finished_at, case when status <> 'pending' then '2026-01-01 12:00:00+00'::timestamptz end, case_name || ': finished') from verdicts;
select ok(
    (judged).next_attempt_at - '2026-01-01 12:00:00+00' between shortest and longest, case_name || ': wait, ' || ((judged).next_attempt_at - '2026-01-01 12:00:00+00'))
from verdicts where shortest is not null;

select * from finish();
rollback;
