begin;
set local search_path = public, extensions;
select plan(12);

select results_eq(
    $$select delay from crm_sync.destinations cross join unnest(retry_delays) with ordinality as delays (delay, n)
      where destination = 'monelec' order by n$$,
    array['10 seconds', '1 minute', '5 minutes', '30 minutes', '2 hours', '5 hours', '10 hours', '14 hours', '20 hours', '24 hours']::interval[],
    'eleven attempts over more than three days');
select ok(
    min(wait) >= 0.8 * delay and max(wait) <= 1.2 * delay and min(wait) < 0.85 * delay and max(wait) > 1.15 * delay,
    'after attempt ' || n || ': ' || min(wait) || ' to ' || max(wait))
from crm_sync.destinations
cross join unnest(retry_delays) with ordinality as delays (delay, n)
cross join generate_series(1, 300) as tries
cross join lateral (select crm_sync._delay(retry_delays, n::int + 0 * tries, 'retry', null, max_retry_after) as wait) as drawn
where destination = 'monelec'
group by n, delay
order by n;
select ok(
    crm_sync._delay(retry_delays, 25, 'retry', null, max_retry_after) between interval '19 hours' and interval '29 hours',
    'whoever waits for evidence waits at the longest one')
from crm_sync.destinations where destination = 'monelec';

select * from finish();
rollback;
