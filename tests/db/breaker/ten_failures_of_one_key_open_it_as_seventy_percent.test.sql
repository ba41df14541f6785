begin;
set local search_path = public, extensions;
select plan(1);
-- Deliveries to monelec that came back with these outcomes, settled together; p_keys in turn, p_packed of them in an envelope.
create function pg_temp.came_back(p_at timestamptz, p_outcomes text[], p_keys text[] default '{a}', p_packed int default 1)
returns void
language plpgsql
as $$
declare
    v_envelopes   uuid[] := array(select gen_random_uuid() from unnest(p_outcomes));
    v_settlements crm_sync.settlement[];
begin
    insert into crm_sync.envelopes (envelope_id, destination, request_id, delivery_count, dispatched_at, lease_until)
    select v_envelopes[n], 'monelec', 0, p_packed, p_at, p_at + interval '2 minutes'
    from generate_series(1, cardinality(p_outcomes), p_packed) as n;
    with sent as (
        insert into crm_sync.deliveries (
            route, destination, table_name, row_id, operation, ordering_key, record, status, envelope_id, claimed_at)
        select 'lead', 'monelec', 'public.leads', gen_random_uuid(), 'INSERT', p_keys[1 + (n - 1) % cardinality(p_keys)], '{}',
               'in_flight', v_envelopes[1 + (n - 1) / p_packed * p_packed], p_at
        from generate_series(1, cardinality(p_outcomes)) as n
        order by n
        returning delivery_id, envelope_id
    ),
    numbered as (
        select sent.*, p_outcomes[row_number() over (order by sent.delivery_id)] as outcome from sent
    )
    select array_agg(row(
        delivery_id, envelope_id,
        case outcome when 'lost' then 'unknown' when 'no_answer' then 'unknown' when 'taken_back' then 'not_attempted' else outcome end,
        outcome in ('delivered', 'retry', 'reject', 'unknown', 'lost'), outcome = 'no_answer', null, null,
        case outcome when 'lost' then 'request_lost' when 'taken_back' then 'taken_back' end, null)::crm_sync.settlement)
    into v_settlements
    from numbered;
    perform crm_sync._settle(v_settlements, p_at);
end;
$$;

select pg_temp.came_back('2040-01-01 12:00:00+00', array_fill('retry'::text, '{10}'), '{a}');

select is((select state from crm_sync.breakers where breaker = 'monelec'), 'open', 'ten of ten attempts in five minutes, as the contract has it');

select * from finish();
rollback;
