begin;
set local search_path = public, extensions;
select plan(1);

alter table crm_sync.deliveries add constraint the_ledger_is_broken check (route <> 'lead') not valid;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
create temp table waits (tries int, wait interval);
do $$
declare
    v_now timestamptz := clock_timestamp();
begin
    for v_try in 1 .. 10 loop
        perform crm_sync._capture_missed(v_now);
        insert into waits select retry_count, next_retry_at - v_now from crm_sync.capture_failures;
        perform crm_sync._capture_missed(v_now);
        v_now := (select next_retry_at from crm_sync.capture_failures);
    end loop;
end $$;

select results_eq(
    'select tries, wait from waits order by tries',
    $$select n, least(interval '2 seconds' * 2 ^ (n - 1), interval '5 minutes') from generate_series(1, 10) as n$$,
    '2 s, doubling, 5 minutes at most; not tried before it is due');

select * from finish();
rollback;
