-- More attempts of the same delivery, under its old key. A state that no receiver has seen is read from its row again; what
-- was seen keeps its record, and so do an event, a test delivery, which has no row, and one whose table is gone. An older state behind a newer one of
-- its key would undo it: refused.

create function crm_sync.redeliver(p_delivery_ids bigint[], p_force boolean default false, p_note text default null)
returns table (delivery_id bigint, redelivered boolean, reason text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_ids     bigint[];
    v_reasons text[];
    v_count   int;
begin
    perform crm_sync._note_if_null(p_delivery_ids);
    perform crm_sync._lock_deliveries(p_delivery_ids);
    select array_agg(judged.delivery_id order by judged.delivery_id), array_agg(judged.reason order by judged.delivery_id)
    into v_ids, v_reasons
    from crm_sync._refusals_to_redeliver(p_delivery_ids, p_force) as judged;
    update crm_sync.deliveries
    set status = 'pending',
        attempt_count = 0,
        wait_count = 0,
        envelope_failure_count = 0,
        failed_alone_count = 0,
        failed_alone_since = null,
        next_attempt_at = clock_timestamp(),
        is_parked = false,
        finished_at = null,
        covered_by = null,
        claimed_at = case
            when deliveries.operation = 'TEST' or crm_sync._was_seen(deliveries.delivery_id) then deliveries.claimed_at
            when to_regclass(deliveries.table_name) is null then coalesce(deliveries.claimed_at, clock_timestamp())
        end
    from unnest(v_ids, v_reasons) as judged (delivery_id, reason)
    where deliveries.delivery_id = judged.delivery_id and judged.reason is null;
    get diagnostics v_count = row_count;
    perform crm_sync._note_operation(
        'redeliver', jsonb_build_object('delivery_ids', p_delivery_ids, 'force', p_force), v_count, p_note);
    return query
    select judged.delivery_id, judged.reason is null, judged.reason
    from unnest(v_ids, v_reasons) as judged (delivery_id, reason);
end;
$$;

create function crm_sync.redeliver_dead(
    p_route text default null, p_since timestamptz default '-infinity', p_until timestamptz default 'infinity',
    p_count_only boolean default true, p_note text default null
)
returns table (route text, last_error_code text, dead_count bigint, redelivered_count bigint)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_dead        bigint[];
    v_redelivered bigint[];
begin
    if p_route is not null then
        perform crm_sync._require_route(p_route);
    end if;
    v_dead := array(
        select deliveries.delivery_id
        from crm_sync.deliveries
        where deliveries.status = 'dead'
          and (p_route is null or deliveries.route = p_route)
          and deliveries.finished_at >= p_since
          and deliveries.finished_at < p_until
    );
    if not p_count_only then
        v_redelivered := array(
            select results.delivery_id from crm_sync.redeliver(v_dead, false, p_note) as results where results.redelivered);
    elsif v_dead <> '{}' then
        perform crm_sync._note_only_counted();
    end if;
    return query
    select deliveries.route, deliveries.last_error_code, count(*), count(*) filter (where deliveries.delivery_id = any (v_redelivered))
    from crm_sync.deliveries
    where deliveries.delivery_id = any (v_dead)
    group by deliveries.route, deliveries.last_error_code
    order by deliveries.route, deliveries.last_error_code;
end;
$$;

create function crm_sync._refusals_to_redeliver(p_delivery_ids bigint[], p_force boolean)
returns table (delivery_id bigint, reason text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select ids.delivery_id,
           case
               when deliveries.delivery_id is null then 'no such delivery'
               when deliveries.status in ('pending', 'in_flight') then 'it is ' || deliveries.status || ' already'
               when deliveries.status = 'superseded' then 'superseded by delivery ' || deliveries.superseded_by
               when deliveries.record is null and deliveries.operation = 'TEST'
                   then 'its record is no longer kept; call test_delivery() again'
               when deliveries.record is null
                   and (routes.kind = 'event' or (deliveries.claimed_at is not null and crm_sync._was_seen(ids.delivery_id)))
                   then 'its record is no longer kept; backfill the row instead'
               when deliveries.record is null and to_regclass(deliveries.table_name) is null
                   then format('its table %s is gone, and nobody has read it', deliveries.table_name)
               when gone.delivery_id is not null then
                   'its row is gone, and nothing of it is kept to be sent'
                   || case when deliveries.status = 'dead' then '; cancel it' else '' end
               when p_force then null
               when deliveries.claimed_at is null and to_regclass(deliveries.table_name) is null
                   then format('its table %s is gone; force sends the row as it was captured', deliveries.table_name)
               when deliveries.last_error_code = 'erased' then 'it was erased; backfill the row, or force it'
               when deliveries.status = 'delivered' then 'it is delivered already; force sends it again'
               when newer.delivery_id is not null then format(
                   'delivery %s tells a newer state of %s; backfill the row, or force the old one', newer.delivery_id, deliveries.ordering_key)
           end
    from (select distinct unnest(p_delivery_ids) as delivery_id) as ids
    left join crm_sync.deliveries on deliveries.delivery_id = ids.delivery_id
    left join crm_sync.routes on routes.route = deliveries.route
    left join crm_sync._newer_states(p_delivery_ids) as newer on newer.older_id = ids.delivery_id
    left join crm_sync._without_row(p_delivery_ids) as gone (delivery_id) on gone.delivery_id = ids.delivery_id;
end;
$$;

create function crm_sync._without_row(p_delivery_ids bigint[])
returns setof bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name text;
    v_ids        bigint[];
begin
    -- Those that redeliver() would let read their row again.
    for v_table_name, v_ids in
        select deliveries.table_name, array_agg(deliveries.delivery_id)
        from crm_sync.deliveries
        join crm_sync.routes on routes.route = deliveries.route
        where deliveries.delivery_id = any (p_delivery_ids)
          and routes.kind = 'state'
          and deliveries.operation <> 'TEST'
          and not crm_sync._was_seen(deliveries.delivery_id)
        group by deliveries.table_name
    loop
        return query select unnest(crm_sync._without_row_in(v_table_name, v_ids));
    end loop;
end;
$$;

create function crm_sync._without_row_in(p_table_name text, p_delivery_ids bigint[])
returns bigint[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ids bigint[];
begin
    if to_regclass(p_table_name) is null then
        return array[]::bigint[];
    end if;
    -- Without a primary key nobody can tell.
    execute format(
        'select array_agg(deliveries.delivery_id) from crm_sync.deliveries
         where deliveries.delivery_id = any ($1) and not exists (select from %s as this where %s)',
        p_table_name, coalesce(crm_sync._row_matches_sql(p_table_name::regclass, 'this', 'deliveries.row_id'), 'true'))
    into v_ids using p_delivery_ids;
    return v_ids;
exception when data_exception then
    -- The key has another type by now: no row has such an id.
    return p_delivery_ids;
end;
$$;

create function crm_sync._newer_states(p_delivery_ids bigint[])
returns table (older_id bigint, delivery_id bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Of the key, not of the row: a payment's success is a newer state of its request. One that is not yet read will be
    -- newer still, and leaves after the old one. No index serves this: an operator's call may read the ledger once.
    return query
    select older.delivery_id, max(newer.delivery_id)
    from crm_sync.deliveries as older
    join crm_sync.deliveries as newer on newer.ordering_key = older.ordering_key and newer.destination = older.destination
    where older.delivery_id = any (p_delivery_ids)
      and older.route in (select routes.route from crm_sync.routes where routes.kind = 'state')
      and newer.route in (select routes.route from crm_sync.routes where routes.kind = 'state')
      and older.claimed_at is not null
      and crm_sync._was_seen(older.delivery_id)
      and (newer.delivery_id > older.delivery_id or newer.claimed_at > older.claimed_at)
      and newer.delivery_id <> older.delivery_id
      and newer.claimed_at is not null
      and newer.status in ('pending', 'in_flight', 'delivered')
    group by older.delivery_id;
end;
$$;

create function crm_sync._was_seen(p_delivery_id bigint)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A refusal by the function itself has no receiver's status: nobody outside has seen the record.
    return exists (
        select from crm_sync.delivery_attempts as attempts
        where attempts.delivery_id = p_delivery_id
          and (attempts.status is not null or attempts.outcome in ('delivered', 'retry', 'unknown'))
    );
end;
$$;

comment on function crm_sync.redeliver(bigint[], boolean, text) is
    'Makes finished deliveries pending again, with all their attempts and their old idempotency key. Returns each id, whether it was redelivered, and if not why. Safe to repeat: what is pending stays so; null, as of a query that found none, does nothing, with a notice (CS060). Role: crm_sync_operator.';
comment on function crm_sync.redeliver_dead(text, timestamptz, timestamptz, boolean, text) is
    'Redelivers what went dead in a span of time, of one route or all. Counts only, and says so (CS061), unless told p_count_only => false. Role: crm_sync_operator. Error: CS002 unknown route.';
comment on function crm_sync._refusals_to_redeliver(bigint[], boolean) is 'Why each is not redelivered; null: it is.';
comment on function crm_sync._newer_states(bigint[]) is 'For states that a receiver has seen: a newer one of the same key that it was told, or is being told.';
comment on function crm_sync._without_row(bigint[]) is 'Those whose record would be read again, and whose row is gone.';
comment on function crm_sync._without_row_in(text, bigint[]) is 'Those of one table whose row is gone; none where the table is gone itself.';
comment on function crm_sync._was_seen(bigint) is 'Whether a receiver may have seen this delivery.';

revoke all on function crm_sync.redeliver(bigint[], boolean, text),
    crm_sync.redeliver_dead(text, timestamptz, timestamptz, boolean, text), crm_sync._refusals_to_redeliver(bigint[], boolean),
    crm_sync._newer_states(bigint[]), crm_sync._was_seen(bigint), crm_sync._without_row(bigint[]), crm_sync._without_row_in(text, bigint[]) from public;
grant execute on function crm_sync.redeliver(bigint[], boolean, text), crm_sync.redeliver_dead(text, timestamptz, timestamptz, boolean, text) to crm_sync_operator;
