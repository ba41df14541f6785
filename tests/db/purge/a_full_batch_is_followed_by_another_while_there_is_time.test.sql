begin;
set local search_path = public, extensions;
select plan(5);

insert into crm_sync.deliveries (route, destination, table_name, row_id, operation, ordering_key, status, finished_at)
select 'lead', 'monelec', 'public.leads', number::text, 'INSERT', 'lead:' || number, 'delivered', now() - interval '1 year'
from generate_series(1, 5) as number;
select ok(crm_sync._purge_again(2), 'two of five: there is more');
select ok(not crm_sync._purge_again(2, interval '0'), 'but no time');
select ok(not crm_sync._purge_again(2), 'the last one: the batch was not full');
select is((select count(*)::int from crm_sync.deliveries), 0, 'none is left');
-- Set in the statement that asks, which it therefore does not end.
select ok(
    not (
        select crm_sync._has_time_left('1 hour')
        from (select set_config('statement_timeout', '400ms', true), pg_sleep(0.32)) as slept),
    'nor is there time where the statement would be ended');
set local statement_timeout = 0;

select * from finish();
rollback;
