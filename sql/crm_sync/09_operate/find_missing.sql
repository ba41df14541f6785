-- The safety net under capture: rows that a route should have sent and whose newest delivery is absent or tells other
-- values. An import or a restore looks just like a hole, so the daily repair mends few and leaves many to a person.

create function crm_sync.find_missing(p_table regclass, p_since timestamptz default null)
returns table (route text, row_id text, reason text)
language plpgsql
security definer
-- As records are built, or the same time would read as another value.
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' set extra_float_digits = '1'
set bytea_output = 'hex' set intervalstyle = 'postgres' set row_security = 'off'
as $$
declare
    v_attachment crm_sync.attachments;
    v_settings   crm_sync.settings;
begin
    perform crm_sync._require_followed(p_table);
    perform crm_sync._require_attached(p_table);
    select * into strict v_settings from crm_sync.settings;
    for v_attachment in
        select * from crm_sync.attachments as attached where attached.table_name = crm_sync._table_name(p_table)
    loop
        for route, row_id, reason in execute crm_sync._missing_sql(v_attachment)
        using
            greatest(
                coalesce(p_since, '-infinity'), v_attachment.attached_at,
                clock_timestamp() - least(v_settings.keep_record_delivered, v_settings.keep_trace)),
            crm_sync._sure_since(v_attachment)
        loop
            return next;
        end loop;
    end loop;
end;
$$;

create function crm_sync._missing_sql(p_attachment crm_sync.attachments, p_is_undecided boolean default false)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table    regclass := p_attachment.table_name::regclass;
    v_compared text[] := array(
        select unnest(p_attachment.watched) intersect select unnest(p_attachment.columns) order by 1);
    v_is_state boolean := (select kind = 'state' from crm_sync.routes where routes.route = p_attachment.route);
    -- What fires an event lies in the past, and no column says when: surely since then only where the whole row is younger.
    v_is_young text := case
        when v_is_state and p_attachment.transition = 'true' then 'true'
        when crm_sync._knows_birth(v_table) then 'new.created_at >= $2'
        else 'false'
    end;
    v_changed  text := (
        select string_agg(format('%s and new.%I >= $1', times.counts_if, times.column_name), ' or ')
        from crm_sync._required_change_times(v_table) as times);
begin
    -- A newest delivery without record has still to read the row, or is past retention. A column that its record had not yet
    -- tells nothing.
    return format(
        $sql$
        select %1$L, %2$s, case when newest.delivery_id is null then 'no delivery' else 'other values' end
        from %3$s as new
        left join lateral (
            select deliveries.delivery_id, deliveries.claimed_at, deliveries.record
            from crm_sync.deliveries
            where deliveries.row_id = %2$s and deliveries.table_name = %4$L and deliveries.route = %1$L
            order by deliveries.delivery_id desc
            limit 1
        ) as newest on true
        where (%5$s)
          and coalesce(%10$s, false) <> %11$L
          and (%6$s) is true
          and not exists (
              select from crm_sync.capture_failures as failures
              where failures.table_name = %4$L and %2$s = any (failures.row_ids)
          )
          and (
              newest.delivery_id is null
              or (%7$L and newest.claimed_at is not null and newest.record is not null
                  and crm_sync._pick(newest.record, %8$L) <> crm_sync._pick(
                      (select to_jsonb(picked) from (select %9$s) as picked), array(select jsonb_object_keys(newest.record))))
          )
        $sql$,
        p_attachment.route, crm_sync._row_id_sql(v_table, 'new'), p_attachment.table_name, p_attachment.table_name,
        v_changed, p_attachment.condition, v_is_state, v_compared,
        crm_sync._columns_sql(v_compared, 'new'), v_is_young, p_is_undecided);
end;
$$;

create function crm_sync._count_undecided(p_attachment crm_sync.attachments, p_since timestamptz)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' set extra_float_digits = '1'
set bytea_output = 'hex' set intervalstyle = 'postgres' set row_security = 'off'
as $$
declare
    v_count bigint;
begin
    execute format('select count(*) from (%s) as undecided', crm_sync._missing_sql(p_attachment, true))
    into v_count
    using p_since, crm_sync._sure_since(p_attachment);
    return v_count;
end;
$$;

create function crm_sync._sure_since(p_attachment crm_sync.attachments)
returns timestamptz
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select greatest(p_attachment.attached_at, clock_timestamp() - settings.keep_trace) from crm_sync.settings);
end;
$$;

-- Definer: an operator may call find_missing() and backfill(), of which it is made.
create function crm_sync.repair_missing(p_limit int default 100, p_since timestamptz default null)
returns table (table_name text, route text, missing_count int, repaired_count int)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select repaired.* from crm_sync._repair_tables(
        array(select distinct attachments.table_name from crm_sync.attachments order by 1), p_limit, p_since) as repaired;
end;
$$;

create function crm_sync._repair_tables(p_table_names text[], p_limit int, p_since timestamptz)
returns table (table_name text, route text, missing_count int, repaired_count int)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- One at a time: of two that look at once, both would send. Beside the locks of the keys, which end at 1023.
    perform pg_advisory_xact_lock(1129467219, 1024);
    foreach table_name in array p_table_names loop
        begin
            return query select repaired.* from crm_sync._repair_table(_repair_tables.table_name, p_limit, p_since) as repaired;
        exception
            -- Nothing tells when its rows have changed; preflight says so beforehand.
            when sqlstate 'CS022' then
                null;
            when others then
                perform crm_sync._note_fault('repair of ' || table_name, sqlstate, sqlerrm);
        end;
    end loop;
end;
$$;

create function crm_sync._repair_table(p_table_name text, p_limit int, p_since timestamptz)
returns table (table_name text, route text, missing_count int, repaired_count int)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_missing record;
begin
    for v_missing in
        select missing.route, array_agg(missing.row_id) as row_ids
        from crm_sync.find_missing(p_table_name::regclass, p_since) as missing
        group by missing.route
    loop
        table_name := p_table_name;
        route := v_missing.route;
        missing_count := cardinality(v_missing.row_ids);
        repaired_count := 0;
        if missing_count <= p_limit then
            repaired_count := (
                select count(*)::int from crm_sync.backfill(
                    v_missing.route, v_missing.row_ids, p_note => 'repair', p_table => p_table_name::regclass));
        else
            perform crm_sync._note_fault('repair of ' || p_table_name, 'CS030', format(
                '%s rows of %s were never sent for route %s: more than %s, left to a person',
                missing_count, p_table_name, route, p_limit));
        end if;
        return next;
    end loop;
end;
$$;

comment on function crm_sync.find_missing(regclass, timestamptz) is
    'Rows changed since then (by updated_at, or created_at where that is null or not there; after attach and within retention) that a route should have sent and whose newest delivery is absent, or for a state route tells other values; not those that the tick is still to capture. Of events, and where a transition fires the route, only rows created since attach and within keep_trace: of others nobody can say whether it happened before. Changes nothing. Role: crm_sync_operator. Errors: CS022 no time column, CS023 nothing was ever captured from the table, CS051 the table was renamed since it was attached.';
comment on function crm_sync._missing_sql(crm_sync.attachments, boolean) is
    'SQL query over $1 and $2, the oldest change and the oldest row: what one route is missing; or, of older rows, what it may be missing.';
comment on function crm_sync._count_undecided(crm_sync.attachments, timestamptz) is
    'Rows changed since then of which nobody can tell whether they fired the route before, and that have no delivery.';
comment on function crm_sync._sure_since(crm_sync.attachments) is
    'Of rows made since then the ledger holds all that they ever fired: those made before attach, or before what keep_trace keeps, may have fired without a trace.';
comment on function crm_sync.repair_missing(int, timestamptz) is
    'Backfills what find_missing finds, up to so many rows a table and route; more than that it leaves alone and notes as a fault. Scheduled by start(), daily. A table without updated_at or created_at is left out; one that cannot be looked at is noted as a fault and stops no other. Safe to repeat. Role: crm_sync_operator.';
comment on function crm_sync._repair_tables(text[], int, timestamptz) is 'The repair of these tables; one that can not be looked at stops no other.';
comment on function crm_sync._repair_table(text, int, timestamptz) is 'The repair of one table.';

revoke all on function crm_sync.find_missing(regclass, timestamptz), crm_sync._missing_sql(crm_sync.attachments, boolean),
    crm_sync._count_undecided(crm_sync.attachments, timestamptz), crm_sync._sure_since(crm_sync.attachments),
    crm_sync.repair_missing(int, timestamptz), crm_sync._repair_tables(text[], int, timestamptz), crm_sync._repair_table(text, int, timestamptz) from public;
grant execute on function crm_sync.find_missing(regclass, timestamptz), crm_sync.repair_missing(int, timestamptz) to crm_sync_operator;
