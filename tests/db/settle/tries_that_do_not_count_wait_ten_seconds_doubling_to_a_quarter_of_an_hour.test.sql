begin;
set local search_path = public, extensions;
select plan(12);

select ok(
    min(wait) >= 0.8 * delay and max(wait) <= 1.2 * delay, 'number ' || n || ': ' || min(wait) || ' to ' || max(wait))
from generate_series(1, 12) as n
cross join lateral (select least(interval '10 seconds' * 2 ^ (n - 1), interval '15 minutes') as delay) as planned
cross join generate_series(1, 50) as tries
cross join lateral (select crm_sync._wait_delay(n + 0 * tries) as wait) as drawn
group by n, delay
order by n;

select * from finish();
rollback;
