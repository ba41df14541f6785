-- attach(), attach_related(): put capture on a table, for its own rows' sake or for others'.
-- Lock order: _one_at_a_time(), attachments, the table: share row exclusive while its triggers are made, access exclusive
-- while they are dropped; asked for five times, 0.6 s each.

create function crm_sync.attach(
    p_table        regclass,
    p_route        text,
    p_watched      text[],
    p_ordering_key text,
    p_condition    text default 'true',
    p_transition   text default 'true',
    p_columns      text[] default null,
    p_joined       text default null
)
returns crm_sync.attachments
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_columns    text[] := coalesce(
        p_columns,
        (select array_agg(keys.column_name) from crm_sync._primary_key(p_table) as keys
         where keys.column_name <> all (p_watched)) || p_watched,
        p_watched);
    v_attachment crm_sync.attachments;
begin
    perform crm_sync._one_at_a_time();
    perform crm_sync._require_attachable(p_table, p_watched, v_columns);
    perform crm_sync._require_route(p_route);
    perform crm_sync._warn_of_parts(p_table, 'Other rows find_missing() finds, by updated_at or created_at, and repair_missing() sends.');
    perform crm_sync._follow_if_renamed(p_table);
    perform crm_sync._take_place(crm_sync._table_name(p_table));
    insert into crm_sync.attachments (
        table_name, route, watched, columns, ordering_key, condition, transition, joined, attached_table
    )
    values (
        crm_sync._table_name(p_table), p_route, p_watched, v_columns, p_ordering_key, p_condition, p_transition, p_joined, p_table
    )
    on conflict (table_name, route) do update
    set watched = excluded.watched, columns = excluded.columns, ordering_key = excluded.ordering_key,
        condition = excluded.condition, transition = excluded.transition, joined = excluded.joined
    returning * into v_attachment;
    perform crm_sync._reattach_table(v_attachment.table_name);
    perform crm_sync._require_evaluable(v_attachment.table_name);
    return v_attachment;
end;
$$;

create function crm_sync.attach_related(
    p_table regclass, p_route text, p_target regclass, p_watched text[], p_affected text
)
returns crm_sync.related_attachments
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_related crm_sync.related_attachments;
begin
    perform crm_sync._one_at_a_time();
    perform crm_sync._require_attachable(p_table, p_watched, p_watched);
    perform crm_sync._warn_of_parts(p_table);
    perform crm_sync._follow_if_renamed(p_table);
    perform crm_sync._follow_if_renamed(p_target);
    if not exists (
        select from crm_sync.attachments
        where attachments.table_name = crm_sync._table_name(p_target) and attachments.route = p_route
    ) then
        raise exception 'route "%" is not attached to %', p_route, p_target
            using errcode = 'CS003', hint = format('attach(%L, %L, …) first', p_target, p_route);
    end if;
    insert into crm_sync.related_attachments (table_name, route, target_table, watched, affected)
    values (crm_sync._table_name(p_table), p_route, crm_sync._table_name(p_target), p_watched, p_affected)
    on conflict (table_name, route) do update
    set target_table = excluded.target_table, watched = excluded.watched, affected = excluded.affected
    returning * into v_related;
    perform crm_sync._reattach_table(v_related.table_name);
    perform crm_sync._require_evaluable(v_related.table_name);
    return v_related;
end;
$$;

create function crm_sync._require_attachable(p_table regclass, p_watched text[], p_columns text[])
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_class   pg_catalog.pg_class;
    v_unknown text;
begin
    select * into v_class from pg_catalog.pg_class where pg_class.oid = p_table;
    if v_class.oid is null or v_class.relkind not in ('r', 'p') or v_class.relispartition then
        raise exception '% can not be attached: it is not an ordinary or partitioned table', coalesce(p_table::text, 'null')
            using errcode = 'CS004', hint = 'Attach the table itself; of a partitioned table, its root.';
    end if;
    if not exists (select from crm_sync._primary_key(p_table)) then
        raise exception '% can not be attached: it has no primary key', p_table
            using errcode = 'CS004', hint = 'alter table … add primary key (…): deliveries name their row by it.';
    end if;
    select string_agg(quote_ident(columns.name), ', ' order by columns.position) into v_unknown
    from (
        select named.name, min(named.position) as position
        from unnest(p_watched || p_columns) with ordinality as named (name, position)
        group by named.name
    ) as columns
    where not exists (
        select from pg_catalog.pg_attribute as attributes
        where attributes.attrelid = p_table and attributes.attname = columns.name
          and attributes.attnum > 0 and not attributes.attisdropped
    );
    if v_unknown is not null or cardinality(p_watched) = 0 then
        raise exception '% has no column %', p_table, coalesce(v_unknown, 'to watch')
            using errcode = 'CS004', hint = 'Name columns of the table itself.';
    end if;
end;
$$;

create function crm_sync._warn_of_parts(p_table regclass, p_remedy text default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_parts text := (
        select case
            when classes.relkind = 'p' then 'partitions'
            when exists (select from pg_catalog.pg_inherits as parts where parts.inhparent = classes.oid) then 'children'
        end
        from pg_catalog.pg_class as classes
        where classes.oid = p_table
    );
begin
    -- A statement fires the statement triggers of the table that it names, and of no other.
    if v_parts is not null then
        raise warning '% has %: what is written straight into one of them is not captured', p_table, v_parts
            using errcode = 'CS054', hint = concat_ws(' ', format('Write to %s itself.', p_table), p_remedy);
    end if;
end;
$$;

create function crm_sync._require_evaluable(p_table_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Over no rows at all, the generated queries are still parsed and planned: a wrong name or type shows now, not at
    -- the first write.
    perform crm_sync._recapture(p_table_name, 'UPDATE', '[]', '[]');
    perform crm_sync._records(attachments.table_name, attachments.route, '{}')
    from crm_sync.attachments
    where attachments.table_name = p_table_name;
    if exists (select from crm_sync.related_attachments as related where related.table_name = p_table_name) then
        execute format('select from crm_sync.%I($1)', crm_sync._generated_name('related', p_table_name)) using '{}'::text[];
    end if;
exception when others then
    raise exception '% can not be attached: %', p_table_name, sqlerrm
        using errcode = 'CS004',
              hint = 'Condition and ordering key speak of new, the transition also of old, joined of this; every other name is written in full.';
end;
$$;

comment on function crm_sync.attach(regclass, text, text[], text, text, text, text[], text) is
    'Captures changes of a table for a route. Watched columns; SQL over new for the ordering key and the condition; over new and old (all null on insert) for the transition; the columns of the record (default: primary key and watched); joined: a jsonb object over this. Safe to repeat: the newest call counts. Warns (CS054) of a partitioned table, or one with children. Errors: CS002 unknown route, CS004 table or column unfit, 55P03 the table could not be locked within 5 s. Role: owner of the table.';
comment on function crm_sync.attach_related(regclass, text, regclass, text[], text) is
    'A change of these columns counts as a change of the rows of another table that the query (over new) names, as a customer''s of their requests. Safe to repeat. Errors: CS003 route not attached to the target, CS004. Role: owner of the table.';
comment on function crm_sync._warn_of_parts(regclass, text) is 'Warns where rows may be written past the triggers: straight into a partition, or a child that inherits.';
comment on function crm_sync._require_evaluable(text) is 'Raises CS004 unless every expression given for the table can be evaluated.';
comment on function crm_sync._require_attachable(regclass, text[], text[]) is 'Raises CS004 unless the table can be attached and has the columns.';

revoke all on function crm_sync.attach(regclass, text, text[], text, text, text, text[], text),
    crm_sync.attach_related(regclass, text, regclass, text[], text), crm_sync._require_attachable(regclass, text[], text[]),
    crm_sync._warn_of_parts(regclass, text), crm_sync._require_evaluable(text) from public;
