-- New deliveries from rows as they are now, for routes whose condition they meet. They never hold up live ones.

create function crm_sync.backfill(
    p_route text, p_row_ids text[] default null, p_since timestamptz default null, p_limit int default 10000, p_note text default null,
    p_table regclass default null
)
returns table (delivery_id bigint)
language plpgsql
security definer
-- As capture reads rows, or a condition would hold here and not there.
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' set extra_float_digits = '1'
set bytea_output = 'hex' set intervalstyle = 'postgres'
as $$
declare
    v_tables     text[] := crm_sync._tables_of_route(p_route, p_table);
    v_table_name text;
    v_row_ids    text[];
    v_rows       jsonb;
    v_captured   bigint[];
    v_changed_at timestamptz;
    v_last_at    timestamptz;
    v_goes_on_at timestamptz;
    v_new_ids    bigint[] := array[]::bigint[];
begin
    if p_row_ids is null and p_since is null then
        raise exception 'backfill needs row ids or a time since when rows were changed'
            using errcode = 'CS021', hint = 'backfill(''lead'', p_since => now() - interval ''1 day'')';
    end if;
    if v_tables = '{}' then
        raise warning 'route % is %', p_route, coalesce('not attached to ' || crm_sync._table_name(p_table), 'attached to no table')
            using errcode = 'CS058', hint = 'What is attached: select table_name, route from crm_sync.attachments;';
    end if;
    if p_row_ids is not null and cardinality(v_tables) > 1 then
        raise exception 'several tables fire %: %', p_route, array_to_string(v_tables, ', ')
            using errcode = 'CS050', hint = format('Of which are these rows? backfill(…, p_table => %L)', v_tables[1]);
    end if;
    for v_table_name, v_row_ids, v_changed_at in
        select chosen.table_name, chosen.row_ids, chosen.last_changed_at
        from crm_sync._rows_to_backfill(p_route, v_tables, p_row_ids, p_since, p_limit) as chosen
    loop
        v_rows := crm_sync._rows(v_table_name, v_row_ids);
        v_captured := array(select * from crm_sync._recapture(v_table_name, 'UPDATE', '[]', v_rows, array[p_route], true));
        if p_row_ids is not null then
            perform crm_sync._warn_of_left_out(
                v_table_name, p_route, cardinality(v_row_ids), jsonb_array_length(v_rows), cardinality(v_captured));
        end if;
        v_new_ids := v_new_ids || v_captured;
        v_last_at := greatest(v_last_at, v_changed_at);
    end loop;
    if v_last_at is not null then
        v_goes_on_at := crm_sync._first_that_fires_after(p_route, v_tables, v_last_at);
    end if;
    perform crm_sync._note_operation(
        'backfill',
        jsonb_build_object('route', p_route, 'since', p_since, 'row_count', cardinality(p_row_ids), 'goes_on_at', v_goes_on_at),
        cardinality(v_new_ids), p_note);
    if v_goes_on_at is not null then
        raise warning 'the limit of % was reached: what changed at % or later is left', p_limit, v_goes_on_at
            using errcode = 'CS045', hint = format('Go on: p_since => %L', v_goes_on_at);
    end if;
    return query select unnest(v_new_ids);
end;
$$;

create function crm_sync._warn_of_left_out(p_table_name text, p_route text, p_id_count int, p_row_count int, p_captured_count int)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_left int := p_row_count - p_captured_count;
begin
    if p_captured_count < p_id_count then
        raise warning '%', concat_ws('; ',
            case when p_row_count < p_id_count then format('%s has no row for %s of %s ids', p_table_name, p_id_count - p_row_count, p_id_count) end,
            case v_left
                when 0 then null
                when 1 then format('1 row does not fire %s as it is', p_route)
                else format('%s rows do not fire %s as they are', v_left, p_route)
            end)
            using errcode = 'CS059', hint = case v_left
                when 0 then 'Are they deleted, or of another table?'
                else format('Its conditions: select table_name, condition from crm_sync.attachments where route = %L;', p_route)
            end;
    end if;
end;
$$;

create function crm_sync._tables_of_route(p_route text, p_table regclass)
returns text[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform crm_sync._require_route(p_route);
    return array(
        select attachments.table_name
        from crm_sync.attachments
        where attachments.route = p_route and attachments.table_name = coalesce(crm_sync._table_name(p_table), attachments.table_name)
        order by attachments.table_name);
end;
$$;

create function crm_sync._rows_to_backfill(p_route text, p_tables text[], p_row_ids text[], p_since timestamptz, p_limit int)
returns table (table_name text, row_ids text[], last_changed_at timestamptz)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_row_ids is not null then
        return query
        select tables.name, crm_sync._row_ids(tables.name, p_row_ids), null::timestamptz
        from unnest(p_tables) as tables (name);
        return;
    end if;
    if p_tables = '{}' then
        return;
    end if;
    -- One limit for all tables of the route, and no cut through rows of one time: where it goes on none is lost or taken twice.
    return query execute format(
        'select oldest.table_name, array_agg(oldest.row_id), max(oldest.changed_at)
         from (
             select * from (%s) as fired
             order by fired.changed_at
             fetch first (coalesce($2, 9223372036854775807)) rows with ties
         ) as oldest
         group by oldest.table_name
         order by oldest.table_name',
        crm_sync._rows_that_fire_sql(p_route, p_tables, '>=')
    ) using p_since, p_limit;
end;
$$;

create function crm_sync._first_that_fires_after(p_route text, p_tables text[], p_after timestamptz)
returns timestamptz
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_first_at timestamptz;
begin
    execute format('select min(fired.changed_at) from (%s) as fired', crm_sync._rows_that_fire_sql(p_route, p_tables, '>'))
    into v_first_at using p_after, 1;
    return v_first_at;
end;
$$;

create function crm_sync._rows_that_fire_sql(p_route text, p_tables text[], p_comparison text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Each table gives its oldest, by an index on the time where there is one; of the rows without that time by the other.
    return (
        select string_agg(format(
            $sql$(
                with old_rows as (select * from %1$s where false)
                select %1$L as table_name, %2$s as row_id, new.%3$I::timestamptz as changed_at
                from %1$s as new%4$s
                  and %6$s and new.%3$I %5$s $1
                order by new.%3$I
                fetch first (coalesce($2, 9223372036854775807)) rows with ties
            )$sql$,
            attachments.table_name, crm_sync._row_id_sql(attachments.table_name::regclass, 'new'),
            times.column_name, crm_sync._fired_where_sql(attachments, 'RECAPTURE'), p_comparison, times.counts_if), ' union all ')
        from crm_sync.attachments
        cross join lateral crm_sync._required_change_times(attachments.table_name::regclass) as times
        where attachments.route = p_route and attachments.table_name = any (p_tables)
    );
end;
$$;

comment on function crm_sync.backfill(text, text[], timestamptz, int, text, regclass) is
    'Captures rows as they are now that fire the route, of each of its tables or of p_table, by id or by time of change (updated_at, or created_at where that is null or not there): the oldest 10,000 by default, and those that share the last one''s time. Where more are left it warns (CS045) with the time to go on from, which its line in crm_sync.operations keeps as goes_on_at: from there none is lost or taken twice. It warns, too, of ids that have no row or whose row does not fire the route (CS059), and where no table has the route (CS058). Each call makes new deliveries with new keys: not safe to repeat for event routes, whose receiver hears twice; of a state it hears the same again. Role: crm_sync_operator. Errors: CS002 unknown route, CS021 neither ids nor time, CS022 no time column, CS050 ids without p_table where several tables fire the route, CS056 the table''s key can not be one of the ids.';
comment on function crm_sync._warn_of_left_out(text, text, int, int, int) is 'Warns (CS059) of how many ids there is no row, and how many rows do not fire the route.';
comment on function crm_sync._tables_of_route(text, regclass) is 'Tables attached to the route; of these one, if it is named. Raises CS002: unknown route.';
comment on function crm_sync._rows_to_backfill(text, text[], text[], timestamptz, int) is
    'Row ids, table by table: those named, or those that fire the route and changed since then, oldest first, and when the last of them did.';
comment on function crm_sync._first_that_fires_after(text, text[], timestamptz) is 'When the next row changed that fires the route; null: there is none.';
comment on function crm_sync._rows_that_fire_sql(text, text[], text) is
    'SQL query over $1, a time, and $2, a limit: rows that fire the route as they are now, and when they changed. Raises CS022: a table has no time column.';

revoke all on function crm_sync.backfill(text, text[], timestamptz, int, text, regclass), crm_sync._tables_of_route(text, regclass),
    crm_sync._warn_of_left_out(text, text, int, int, int), crm_sync._rows_to_backfill(text, text[], text[], timestamptz, int), crm_sync._first_that_fires_after(text, text[], timestamptz),
    crm_sync._rows_that_fire_sql(text, text[], text) from public;
grant execute on function crm_sync.backfill(text, text[], timestamptz, int, text, regclass) to crm_sync_operator;
