-- The checks of health() on the attached tables: their triggers and columns, and whether they are there.

create function crm_sync._check_triggers()
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_off      text;
    v_dropped  text;
    v_strange  text;
    v_concerns jsonb;
begin
    select string_agg(wrong.what, ', ' order by wrong.place, wrong.what) filter (where wrong.how = 'disabled'),
           string_agg(wrong.what, ', ' order by wrong.place, wrong.what) filter (where wrong.how = 'dropped'),
           string_agg(wrong.what, ', ' order by wrong.place, wrong.what) filter (where wrong.how = 'strange'),
           jsonb_object_agg(wrong.what, null)
    into v_off, v_dropped, v_strange, v_concerns
    from crm_sync._wrong_triggers() as wrong;
    return crm_sync._finding(
        v_concerns is null, 'all there and enabled', 'error',
        concat_ws('; ', 'dropped: ' || v_dropped, 'of another name: ' || v_strange, 'disabled: ' || v_off),
        concat_ws(' ',
            case when v_dropped is not null or v_strange is not null then 'select crm_sync.reattach();' end,
            case when v_off is not null then 'alter table … enable trigger …;' end,
            'Then what was missed: select * from crm_sync.repair_missing();'),
        v_concerns);
end;
$$;

create function crm_sync._wrong_triggers()
returns table (how text, place text, what text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select case when triggers.oid is null then 'dropped' else 'disabled' end, wanted.table_name,
           format('%s on %s', wanted.trigger, wanted.table_name)
    from (
        select attachments.table_name, 'crm_sync_capture_insert' as trigger from crm_sync.attachments
        union
        select attached.name, 'crm_sync_capture_update' from crm_sync._attached_tables() as attached (name)
        union
        values ('crm_sync.deliveries', 'dispatch_at_commit')
    ) as wanted
    left join pg_catalog.pg_trigger as triggers
      on triggers.tgrelid = to_regclass(wanted.table_name) and triggers.tgname = wanted.trigger
    where crm_sync._is_table(wanted.table_name) and (triggers.oid is null or triggers.tgenabled not in ('O', 'A'));
    -- A table under another name, one that made room for another, or a trigger under another name.
    return query
    select distinct 'strange', triggers.table_name, case
        when triggers.function_name = crm_sync._generated_name('capture', triggers.table_name)
            then format('%s on %s', triggers.trigger_name, triggers.table_name)
        else concat_ws(' ', triggers.table_name, 'has those of', coalesce(attached.name, triggers.function_name))
    end
    from crm_sync._capture_triggers() as triggers
    left join crm_sync._attached_tables() as attached (name)
      on triggers.function_name = crm_sync._generated_name('capture', attached.name)
    where not triggers.is_own;
end;
$$;

create function crm_sync._check_columns()
returns crm_sync.finding
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_broken   text;
    v_concerns jsonb;
begin
    select string_agg(broken.what, '; ' order by broken.table_name), jsonb_object_agg(broken.table_name, null)
    into v_broken, v_concerns
    from (
        select attached.table_name, coalesce(
            attached.table_name || ' is a partition of ' || crm_sync._partition_of(attached.table_name) || ' now: detach it and attach that',
            attached.table_name || ' has no column ' || crm_sync._missing_columns(attached.table_name),
            crm_sync._why_not_captured(attached.table_name)
        ) as what
        from crm_sync._attached_tables() as attached (table_name)
        where crm_sync._is_table(attached.table_name)
        union all
        select gone.table_name, concat(gone.table_name, ' is gone', ': ' || nullif(gone.waiting_count, 0) || ' deliveries wait for it')
        from crm_sync._tables_that_are_gone() as gone
    ) as broken
    where broken.what is not null;
    return crm_sync._finding(
        v_broken is null, 'the tables are as they were attached', 'error', v_broken,
        'Attach again with the columns as they are now: select crm_sync.attach(…); or rename back. What capture could not write is kept and sent then. A table that is gone: select crm_sync.forget(''public.…'');',
        v_concerns);
end;
$$;

create function crm_sync._partition_of(p_table_name text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select crm_sync._table_name(parts.inhparent)
        from pg_catalog.pg_inherits as parts
        join pg_catalog.pg_class as classes on classes.oid = parts.inhrelid
        where parts.inhrelid = to_regclass(p_table_name) and classes.relispartition
    );
end;
$$;

create function crm_sync._tables_that_are_gone()
returns table (table_name text, waiting_count bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Those attached, but for the renamed, of which the check of the triggers tells; and those that something waits for that
    -- were detached before they went.
    return query
    with attached as (
        select * from crm_sync._attached_tables() as attached (name)
    ),
    gone as (
        select known.name
        from (
            select attached.name from attached
            union
            select * from crm_sync._tables_not_read()
        ) as known
        where not crm_sync._is_table(known.name)
          and known.name not in (select renamed.former_name from crm_sync._renamed_tables() as renamed)
    )
    select gone.name, waiting.count
    from gone
    cross join lateral (
        select count(*)
        from crm_sync.deliveries
        where deliveries.table_name = gone.name and deliveries.status = 'pending' and deliveries.claimed_at is null
          and (deliveries.record is null or deliveries.last_error_code = 'record_not_built')
    ) as waiting
    where waiting.count > 0 or gone.name in (select attached.name from attached);
end;
$$;

create function crm_sync._tables_not_read()
returns setof text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- What can not be read is tried again each minute, and leaves a fault: no need to look through all that waits.
    return query
    select distinct substr(faults.place, length('record of ' || routes.route || ' from ') + 1)
    from crm_sync.faults
    join crm_sync.routes on starts_with(faults.place, 'record of ' || routes.route || ' from ');
exception
    -- The check of the faults says that it can not look.
    when lock_not_available then
        return;
end;
$$;

create function crm_sync._missing_columns(p_table_name text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select string_agg(distinct quote_ident(named.name), ', ')
        from (
            select unnest(attachments.watched || attachments.columns) as name
            from crm_sync.attachments where attachments.table_name = p_table_name
            union
            select unnest(related.watched)
            from crm_sync.related_attachments as related where related.table_name = p_table_name
        ) as named
        where not exists (
            select from pg_catalog.pg_attribute as attributes
            where attributes.attrelid = to_regclass(p_table_name) and attributes.attname = named.name
              and attributes.attnum > 0 and not attributes.attisdropped
        )
    );
end;
$$;

create function crm_sync._why_not_captured(p_table_name text)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform crm_sync._require_evaluable(p_table_name);
    return null;
exception
    when sqlstate 'CS004' then
        -- Names a column or function at most; anything else that goes wrong here is no fault of the table.
        return case when sqlerrm ~ '(does not exist|is of type|cannot cast|operator)' then crm_sync._harmless_message(sqlstate, sqlerrm) end;
end;
$$;

comment on function crm_sync._check_triggers() is 'Check: the triggers of capture, and the one that dispatches at commit, are there, enabled, and of the tables'' own names.';
comment on function crm_sync._wrong_triggers() is 'Triggers that are dropped, disabled, or strange: left by a rename on the wrong table, or under another name.';
comment on function crm_sync._check_columns() is 'Check: attached tables have what attach() was told of.';
comment on function crm_sync._partition_of(text) is 'The partitioned table of which a table is a partition: what is written to that is not captured; null: of none.';
comment on function crm_sync._tables_that_are_gone() is 'Tables that are gone and attached, or still waited for, with how many deliveries wait to be read from them.';
comment on function crm_sync._tables_not_read() is 'Tables that a record could not be read from, within the week for which faults are kept.';
comment on function crm_sync._missing_columns(text) is 'Columns given to attach() that the table no longer has; null: none.';
comment on function crm_sync._why_not_captured(text) is 'What no longer can be evaluated for a table; null: nothing.';

revoke all on function crm_sync._check_triggers(), crm_sync._wrong_triggers(), crm_sync._check_columns(),
    crm_sync._partition_of(text), crm_sync._tables_that_are_gone(), crm_sync._tables_not_read(),
    crm_sync._missing_columns(text), crm_sync._why_not_captured(text) from public;
