begin;
set local search_path = public, extensions;
select plan(3);

update crm_sync.settings set max_envelope_deliveries = 2, max_envelope_bytes = 1000;
create function pg_temp.pack(p_keys text[], p_bytes int[], p_failure_counts int[]) returns int[] language sql as $$
    select crm_sync._pack_judged(array_agg(
        row(position, position, p_keys[position], p_failure_counts[position], '{}', p_bytes[position], 'sendable')::crm_sync.judged
        order by position desc), 10)
    from generate_series(1, 3) as position;
$$;
select is(pg_temp.pack(array['a', 'b', 'b'], array[1, 1, 1], array[0, 0, 0]), array[1, 1, null], 'the rest of a key waits');
select is(pg_temp.pack(array['a', 'b', 'c'], array[900, 900, 1], array[0, 0, 0]), array[1, 2, 2], 'what is large stands in one of its own');
select is(pg_temp.pack(array['a', 'b', 'c'], array[1, 1, 1], array[9, 0, 0]), array[1, 2, 2], 'so does what failed with others');

select * from finish();
rollback;
