-- The life of one row: every delivery of it and every attempt, in order, and what an operator did to them.
-- Definer: readers have no rights on the ledger's other tables. No personal data.

create function crm_sync.trace(p_table regclass, p_row_id text)
returns table (at timestamptz, delivery_id bigint, route text, step text, detail text)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name text := crm_sync._table_name(p_table);
    v_row_id     text := crm_sync._required_row_id(p_table, p_row_id);
    v_ids        bigint[] := crm_sync._deliveries_telling_of(p_table, v_row_id);
begin
    return query
    select steps.at, steps.delivery_id, steps.route, steps.step, nullif(steps.detail, '')
    from (
        select * from crm_sync._captures_of(v_ids)
        union all
        select * from crm_sync._attempts_of(v_ids)
        union all
        select * from crm_sync._states_of(v_ids)
        union all
        select * from crm_sync._operations_on(v_ids, v_table_name, v_row_id)
        union all
        select failures.failed_at, null, null, 'missed by capture',
               format('SQLSTATE %s; captured again from %s on', failures.sql_state, failures.next_retry_at)
        from crm_sync.capture_failures as failures
        where failures.table_name = v_table_name and v_row_id = any (failures.row_ids)
    ) as steps (at, delivery_id, route, step, detail)
    order by steps.at, steps.delivery_id;
end;
$$;

create function crm_sync._captures_of(p_delivery_ids bigint[])
returns table (at timestamptz, delivery_id bigint, route text, step text, detail text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select deliveries.captured_at, deliveries.delivery_id, deliveries.route, 'captured',
           concat_ws(' ', deliveries.operation, 'of', deliveries.table_name, deliveries.row_id,
                     case when deliveries.is_backfill then '(backfill)' end)
    from crm_sync.deliveries
    where deliveries.delivery_id = any (p_delivery_ids);
$$;

create function crm_sync._attempts_of(p_delivery_ids bigint[])
returns table (at timestamptz, delivery_id bigint, route text, step text, detail text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select attempts.settled_at, attempts.delivery_id, deliveries.route,
           case when attempts.is_counted then 'attempt ' || attempts.attempt else 'not counted' end || ': ' || attempts.outcome,
           concat_ws('; ', 'HTTP ' || attempts.status, attempts.error_code, attempts.error,
                     format('sent %s ms before, envelope %s',
                            round(extract(epoch from attempts.settled_at - attempts.dispatched_at) * 1000), attempts.envelope_id))
    from crm_sync.delivery_attempts as attempts
    join crm_sync.deliveries on deliveries.delivery_id = attempts.delivery_id
    where attempts.delivery_id = any (p_delivery_ids);
$$;

create function crm_sync._states_of(p_delivery_ids bigint[])
returns table (at timestamptz, delivery_id bigint, route text, step text, detail text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case deliveries.status
               when 'pending' then greatest(deliveries.next_attempt_at, deliveries.captured_at)
               when 'in_flight' then envelopes.dispatched_at
               else deliveries.finished_at
           end,
           deliveries.delivery_id, deliveries.route,
           case deliveries.status when 'pending' then 'waits' when 'in_flight' then 'in flight' else deliveries.status end,
           case deliveries.status
               when 'pending' then concat_ws('; ',
                   case when deliveries.is_parked then 'behind another of its key'
                        else nullif(crm_sync._destination_state(deliveries.destination), 'open') end,
                   'next attempt at the time given')
               when 'in_flight' then 'envelope ' || deliveries.envelope_id
               when 'superseded' then 'by delivery ' || deliveries.superseded_by
               when 'delivered' then ''
               else deliveries.last_error_code
           end
    from crm_sync.deliveries
    left join crm_sync.envelopes on envelopes.envelope_id = deliveries.envelope_id
    where deliveries.delivery_id = any (p_delivery_ids);
$$;

create function crm_sync._operations_on(p_delivery_ids bigint[], p_table_name text, p_row_id text)
returns table (at timestamptz, delivery_id bigint, route text, step text, detail text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select operations.operated_at, deliveries.delivery_id, deliveries.route, operations.action,
           concat_ws(': ', 'by ' || operations.operator, operations.note)
    from crm_sync.operations
    left join crm_sync.deliveries
      on deliveries.delivery_id = any (p_delivery_ids)
     and operations.arguments -> 'delivery_ids' @> to_jsonb(deliveries.delivery_id)
    where deliveries.delivery_id is not null
       or (operations.arguments ->> 'table' = p_table_name and operations.arguments ->> 'row_id' = p_row_id);
$$;

comment on function crm_sync.trace(regclass, text) is
    'What happened to a row, in order of time: captured, each attempt with outcome, status and error, waits or how it ended, and each operator''s call. Of a row whose values others tell of (a customer), theirs, as long as it is there: of one that is gone, its own alone. Changes nothing; no personal data. Roles: crm_sync_reader, crm_sync_operator. Errors: CS023 nothing is captured from this table, CS056 its key can not be that. No rows: nothing of this row was ever captured.';
comment on function crm_sync._captures_of(bigint[]) is 'When they were captured.';
comment on function crm_sync._attempts_of(bigint[]) is 'Their attempts.';
comment on function crm_sync._states_of(bigint[]) is 'How they stand now.';
comment on function crm_sync._operations_on(bigint[], text, text) is 'Operators'' calls that named one of them, or their row.';

revoke all on function crm_sync.trace(regclass, text), crm_sync._captures_of(bigint[]), crm_sync._attempts_of(bigint[]),
    crm_sync._states_of(bigint[]), crm_sync._operations_on(bigint[], text, text) from public;
grant execute on function crm_sync.trace(regclass, text) to crm_sync_reader, crm_sync_operator;
