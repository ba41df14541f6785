begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;
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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
update crm_sync.breakers
set state = 'open', reason = 'failures in a row', open_count = 1, open_until = '2040-01-01 00:00:00+00', failures_in_a_row = 3, failing_keys = '{a,b}', failing_since = '2039-12-31 23:59:30+00'
where breaker = 'monelec';
select crm_sync.tick('2040-01-01 00:00:00+00');
select pg_temp.came_back('2040-01-01 00:00:05+00', '{retry}', '{c}');

select results_eq(
    $$select state, open_count, probe_outcome from crm_sync.breakers where breaker = 'monelec'$$, $$values ('half_open', 1, null)$$, 'the probe is still to come back');
select is(
    (select probe_envelope_id from crm_sync.breakers where breaker = 'monelec'),
    (select envelope_id from crm_sync.envelopes where is_probe and dispatched_at = '2040-01-01'), 'and its answer decides');

select * from finish();
rollback;
