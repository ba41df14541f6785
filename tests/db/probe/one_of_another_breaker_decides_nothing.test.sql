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

-- Two breakers are half-open. The receiver's probe comes back without a usable answer, the function's is still under way.
select pg_temp.came_back('2040-01-01 00:00:00+00', '{delivered}');
insert into crm_sync.envelopes (envelope_id, destination, request_id, delivery_count, is_probe, dispatched_at, lease_until)
select ('70000000-0000-4000-8000-00000000000' || n)::uuid, case n when 1 then 'monelec' else 'elementor' end, n, 1, true, '2040-01-01 00:00:00+00', '2040-01-01 00:02:00+00'
from generate_series(1, 2) as n;
insert into crm_sync.deliveries (route, destination, table_name, row_id, operation, ordering_key, record, status, envelope_id, claimed_at)
values ('lead', 'monelec', 'public.leads', 'x', 'INSERT', 'lead:x', '{}', 'in_flight', '70000000-0000-4000-8000-000000000001', now());
update crm_sync.breakers
set state = 'half_open', open_count = 1, failures_in_a_row = 3, failing_keys = '{a,b}', failing_since = '2039-12-31 23:59:00+00', reason = 'failures in a row',
    probe_envelope_id = ('70000000-0000-4000-8000-00000000000' || case breaker when 'monelec' then 1 else 2 end)::uuid
where breaker in ('monelec', 'function');
select crm_sync._settle(array(
    select row(delivery_id, envelope_id, 'unknown', false, true, null, null, 'no_usable_answer', null)::crm_sync.settlement
    from crm_sync.deliveries where ordering_key = 'lead:x'), '2040-01-01 00:00:05+00');

select results_eq(
    $$select state, open_count from crm_sync.breakers where breaker = 'function'$$, $$values ('half_open', 1)$$, 'the function''s waits for its own');

select * from finish();
rollback;
