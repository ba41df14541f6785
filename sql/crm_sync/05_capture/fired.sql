-- Which changed rows fire which routes, as the text of queries over the changed rows: what the generated functions of
-- capture and recapture consist of, so that both fire alike. With the names of those functions, and lists of columns.

create function crm_sync._generated_name(p_kind text, p_table_name text, p_route text default null)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Two underscores stand between the parts and in no function written by hand.
    v_parts text[] := parse_ident(p_table_name) || p_route;
    v_name  text;
begin
    if v_parts[1] = 'public' then
        v_parts := v_parts[2:];
    end if;
    v_name := '_' || p_kind || '__' || array_to_string(v_parts, '__');
    if length(v_name) <= 63 and (select bool_and(parts.part ~ '^[a-z0-9]+(_[a-z0-9]+)*$') from unnest(v_parts) as parts (part)) then
        return v_name;
    end if;
    return left(regexp_replace(lower(v_name), '[^a-z0-9_]+', '_', 'g'), 50) || '__' || left(md5(p_table_name || ' ' || coalesce(p_route, '')), 8);
end;
$$;

create function crm_sync._columns_sql(p_columns text[], p_alias text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select string_agg(format('%s.%I', p_alias, columns.name), ', ' order by columns.position)
    from unnest(p_columns) with ordinality as columns (name, position);
$$;

create function crm_sync._fired_sql(p_attachment crm_sync.attachments, p_operation text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table  regclass := p_attachment.table_name::regclass;
    v_route  crm_sync.routes;
    v_record text := 'null::jsonb';
begin
    select * into strict v_route from crm_sync.routes where routes.route = p_attachment.route;
    if v_route.kind = 'event' then
        v_record := format('(select to_jsonb(picked) from (select %s) as picked)',
                           crm_sync._columns_sql(p_attachment.columns, 'new'));
    end if;
    if v_route.kind = 'event' and p_operation <> 'RECAPTURE' then
        -- As the statement left the row, not as it wrote it: an AFTER ROW trigger may have numbered it since.
        v_record := format(
            'coalesce((select to_jsonb(picked) from (select %s from %s as this where %s) as picked), %s)',
            crm_sync._columns_sql(p_attachment.columns, 'this'), p_attachment.table_name,
            replace(crm_sync._same_row_sql(v_table), 'old.', 'this.'), v_record);
    end if;
    return format(
        $sql$            select %s as position, %L as route, %L as destination, %s as row_id, (%s)::text as ordering_key,
                   %s as record
            from new_rows as new%s
$sql$,
        v_route.position, p_attachment.route, v_route.destination, crm_sync._row_id_sql(v_table, 'new'),
        p_attachment.ordering_key, v_record, crm_sync._fired_where_sql(p_attachment, p_operation)
    );
end;
$$;

create function crm_sync._fired_where_sql(p_attachment crm_sync.attachments, p_operation text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table          regclass := p_attachment.table_name::regclass;
    v_has_transition boolean := p_attachment.transition <> 'true';
    v_is_new         text := format('old.%I is null', (select keys.column_name from crm_sync._primary_key(v_table) as keys limit 1));
begin
    if p_operation = 'INSERT' then
        -- old is there for the transition to speak of, and all null.
        return case when v_has_transition then e'\n            left join new_rows as old on false' else '' end
            || format(e'\n            where (%s) is true', p_attachment.condition)
            || case when v_has_transition then format(e'\n              and (%s) is true', p_attachment.transition) else '' end;
    end if;
    -- A row whose last delivery is dead is mended by mending the row: then the condition alone decides.
    return format(e'\n            left join old_rows as old on %s', crm_sync._same_row_sql(v_table))
        || format(e'\n            where (%s or %s)', v_is_new, crm_sync._changed_sql(v_table, p_attachment.watched))
        || format(e'\n              and (%s) is true', p_attachment.condition)
        || case when v_has_transition then
            format(e'\n              and ((%s) is true or crm_sync._last_is_dead(%L, %s, %L))',
                   p_attachment.transition, p_attachment.table_name, crm_sync._row_id_sql(v_table, 'new'), p_attachment.route)
            else '' end;
end;
$$;

create function crm_sync._last_is_dead(p_table_name text, p_row_id text, p_route text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce((
        select deliveries.status = 'dead'
        from crm_sync.deliveries
        where deliveries.row_id = p_row_id
          and deliveries.table_name = p_table_name
          and deliveries.route = p_route
        order by deliveries.delivery_id desc
        limit 1
    ), false);
end;
$$;

create function crm_sync._all_fired_sql(p_table_name text, p_operation text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- Several routes of one statement: captured in the order of the routes. Of one, the order of the rows will do.
    select string_agg(crm_sync._fired_sql(attachments, p_operation), e'            union all\n' order by routes.position)
           || case when count(*) > 1 then e'            order by position\n' else '' end
    from crm_sync.attachments
    join crm_sync.routes on routes.route = attachments.route
    where attachments.table_name = p_table_name;
$$;

create function crm_sync._related_sql(p_table_name text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select format(
        $sql$

        insert into crm_sync.related_changes (table_name, row_id)
        select %L, %s
        from new_rows as new
        join old_rows as old on %s
        where %s;$sql$,
        p_table_name, crm_sync._row_id_sql(p_table_name::regclass, 'new'),
        crm_sync._same_row_sql(p_table_name::regclass),
        string_agg(crm_sync._changed_sql(p_table_name::regclass, related.watched), ' or ')
    )
    from crm_sync.related_attachments as related
    where related.table_name = p_table_name
    having count(*) > 0;
$$;

comment on function crm_sync._generated_name(text, text, text) is 'Name of a generated function: readable, at most 63 bytes, different for different tables.';
comment on function crm_sync._columns_sql(text[], text) is 'SQL text: a list of aliased columns.';
comment on function crm_sync._fired_sql(crm_sync.attachments, text) is 'SQL query over new_rows, and old_rows unless for INSERT: the deliveries that one route fires. RECAPTURE takes the rows as given.';
comment on function crm_sync._fired_where_sql(crm_sync.attachments, text) is 'Its join to old and its conditions.';
comment on function crm_sync._last_is_dead(text, text, text) is 'Whether the newest delivery of this row and route is dead: then mending the row fires the route again.';
comment on function crm_sync._all_fired_sql(text, text) is 'The queries of all routes of a table, in the order of the routes; null where there are none.';
comment on function crm_sync._related_sql(text) is 'SQL statement: note the changed rows on which rows of other tables depend; null where there are none.';

revoke all on function crm_sync._generated_name(text, text, text), crm_sync._columns_sql(text[], text),
    crm_sync._fired_sql(crm_sync.attachments, text), crm_sync._fired_where_sql(crm_sync.attachments, text),
    crm_sync._last_is_dead(text, text, text), crm_sync._all_fired_sql(text, text), crm_sync._related_sql(text) from public;
