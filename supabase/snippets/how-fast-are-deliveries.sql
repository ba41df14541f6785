-- How long from a change to the receiver's answer, hour by hour of the last day?
-- Next: a p99 of minutes in one hour: an outage or a burst; in every hour: docs/scale.md.
select date_trunc('hour', finished_at) as hour, destination, count(*) as delivered,
       round(percentile_cont(0.5) within group (order by extract(epoch from finished_at - captured_at))::numeric, 2) as p50_seconds,
       round(percentile_cont(0.99) within group (order by extract(epoch from finished_at - captured_at))::numeric, 2) as p99_seconds
from crm_sync.delivery_log
where status = 'delivered' and finished_at > now() - interval '1 day'
group by 1, 2
order by 1 desc, 2;
