-- The text of the function that builds a route's records, called at the first claim.
-- State route: from the row as it now is, with the ordering key that it now has; no row, no record. Event route: from the
-- row as captured; unless it takes something from other tables it asks no table at all, and outlives its own.

create function crm_sync._record_function_sql(p_attachment crm_sync.attachments)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return format(
        $sql$
create or replace function crm_sync.%I(p_delivery_ids bigint[])
returns table (delivery_id bigint, record jsonb, ordering_key text)
language plpgsql
set search_path = pg_catalog, pg_temp set row_security = 'off'
%s
as %L;
$sql$,
        crm_sync._generated_name('record', p_attachment.table_name, p_attachment.route),
        crm_sync._pins_sql(),
        format(
            $body$
#variable_conflict use_column
begin
    return query
    %s;
end;
$body$,
            crm_sync._record_sql(p_attachment, p_attachment.table_name, 'p_delivery_ids')));
end;
$$;

create function crm_sync._record_sql(p_attachment crm_sync.attachments, p_table_name text, p_ids text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_joined text := coalesce(e'\n           || coalesce(' || p_attachment.joined || ', ''{}'')', '');
    v_record text := 'deliveries.record';
    v_key    text := 'deliveries.ordering_key';
    v_source text := case when p_attachment.joined is null then '' else
        'cross join lateral ' || crm_sync._row_of_record_sql(p_table_name) end;
begin
    if (select kind from crm_sync.routes where routes.route = p_attachment.route) = 'state' then
        v_record := format('(select to_jsonb(picked) from (select %s) as picked)',
                           crm_sync._columns_sql(p_attachment.columns, 'this'));
        v_source := format('join %s as this on %s', p_table_name,
                           crm_sync._row_matches_sql(p_table_name::regclass, 'this', 'deliveries.row_id'));
        v_key := format('(select (%s)::text from (select this.*) as new)', p_attachment.ordering_key);
    end if;
    return format(
        $sql$select deliveries.delivery_id,
           %1$s%2$s,
           %3$s
    from crm_sync.deliveries
    %4$s
    where deliveries.delivery_id = any (%5$s)$sql$,
        v_record, v_joined, v_key, v_source, p_ids);
end;
$$;

create function crm_sync._row_of_record_sql(p_table_name text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_columns text;
begin
    -- A domain that is never null refuses the nulls of what the record does not have: its base type takes them.
    with recursive types as (
        select attributes.attnum, attributes.attname, attributes.atttypid as type, attributes.atttypmod as modifier, false as is_never_null
        from pg_catalog.pg_attribute as attributes
        where attributes.attrelid = p_table_name::regclass and attributes.attnum > 0 and not attributes.attisdropped
        union all
        select types.attnum, types.attname, domains.typbasetype, domains.typtypmod, types.is_never_null or domains.typnotnull
        from types
        join pg_catalog.pg_type as domains on domains.oid = types.type and domains.typtype = 'd'
    ),
    base_types as (
        select distinct on (types.attnum) types.*, bool_or(types.is_never_null) over () as has_one
        from types
        left join pg_catalog.pg_type as kinds on kinds.oid = types.type
        order by types.attnum, kinds.typtype = 'd'
    )
    select string_agg(format('%I %s', base_types.attname, format_type(base_types.type, base_types.modifier)), ', ' order by base_types.attnum)
    into v_columns
    from base_types
    where base_types.has_one;
    return case
        when v_columns is null then format('jsonb_populate_record(null::%s, deliveries.record) as this', p_table_name)
        else format('jsonb_to_record(deliveries.record) as this (%s)', v_columns)
    end;
end;
$$;

create function crm_sync._records_function_sql()
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Static calls, planned once a session. A route that was detached while deliveries of it waited is called by name.
    return format(
        $sql$
create or replace function crm_sync._records(p_table_name text, p_route text, p_delivery_ids bigint[])
returns table (delivery_id bigint, record jsonb, ordering_key text)
language plpgsql
set search_path = pg_catalog, pg_temp
as %L;
$sql$,
        format(
            $body$
begin
    %s
    else
        return query execute format(
            'select * from crm_sync.%%I($1)', crm_sync._generated_name('record', p_table_name, p_route)
        ) using p_delivery_ids;
    end if;
end;
$body$,
            coalesce((
                select string_agg(format(
                    $sql$if p_table_name = %L and p_route = %L then
        return query select * from crm_sync.%I(p_delivery_ids);$sql$,
                    attachments.table_name, attachments.route,
                    crm_sync._generated_name('record', attachments.table_name, attachments.route)
                ), e'\n    els' order by attachments.table_name, attachments.route)
                from crm_sync.attachments
            ), 'if false then')));
end;
$$;

comment on function crm_sync._records_function_sql() is 'SQL text of the function that calls the record function of a table and route.';
comment on function crm_sync._record_function_sql(crm_sync.attachments) is 'SQL text of the function that builds the records of one table and route.';
comment on function crm_sync._record_sql(crm_sync.attachments, text, text) is
    'SQL query: the records of deliveries, and the keys of what they tell, from the table of this name.';
comment on function crm_sync._row_of_record_sql(text) is 'SQL from item "this": an event''s row again, as far as its record has it.';

revoke all on function crm_sync._record_function_sql(crm_sync.attachments), crm_sync._record_sql(crm_sync.attachments, text, text),
    crm_sync._row_of_record_sql(text), crm_sync._records_function_sql() from public;
