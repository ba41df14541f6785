begin;
set local search_path = public, extensions;
select plan(4);

-- It has failed alone three times; of the others so many have been answered, failed or been lost meanwhile.
insert into crm_sync.deliveries (
    route, destination, table_name, row_id, operation, ordering_key, record, claimed_at, failed_alone_count, failed_alone_since)
values ('lead', 'monelec', 'public.leads', 'x', 'INSERT', 'a', '{}', now(), 3, '2040-01-01 00:00:00+00');
create function pg_temp.is_poison_after(p_answered int, p_failed int, p_lost int) returns boolean language plpgsql as $$
begin
    delete from crm_sync.envelopes;
    insert into crm_sync.envelopes (envelope_id, destination, request_id, delivery_count, dispatched_at, lease_until, status, settled_at)
    select gen_random_uuid(), 'monelec', 0, 1, '2040-01-01 00:00:00+00', '2040-01-01 00:02:00+00', statuses.status, '2040-01-01 00:01:00+00'
    from (values ('answered', p_answered), ('failed', p_failed), ('lost', p_lost)) as statuses (status, times)
    cross join generate_series(1, statuses.times);
    return (select crm_sync._is_poison(deliveries) from crm_sync.deliveries where row_id = 'x');
end $$;

select ok(not pg_temp.is_poison_after(4, 0, 9), 'four, and nine that tell nothing');
select ok(pg_temp.is_poison_after(5, 0, 0), 'five');
select ok(not pg_temp.is_poison_after(24, 1, 0), 'twenty more where another one failed, too: not twenty-four');
select ok(pg_temp.is_poison_after(25, 1, 0), 'but twenty-five');

select * from finish();
rollback;
