-- When a row changed and when it was made, as far as its table tells: for find_missing(), backfill() and what searches by them.

create function crm_sync._time_columns(p_table regclass)
returns table (column_name text, is_always_there boolean)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select attributes.attname::text, attributes.attnotnull
    from pg_catalog.pg_attribute as attributes
    where attributes.attrelid = p_table
      and attributes.attname in ('updated_at', 'created_at')
      and attributes.atttypid in ('timestamptz'::regtype, 'timestamp'::regtype)
      and not attributes.attisdropped;
end;
$$;

create function crm_sync._change_times(p_table regclass)
returns table (column_name text, counts_if text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A row that was never updated was changed when it was created. Two plain columns, not one coalesce(): indexes serve.
    return query
    select times.column_name,
           case when times.column_name = 'created_at' and updated.column_name is not null then 'new.updated_at is null' else 'true' end
    from crm_sync._time_columns(p_table) as times
    left join crm_sync._time_columns(p_table) as updated on updated.column_name = 'updated_at'
    where times.column_name = 'updated_at' or updated.is_always_there is not true;
end;
$$;

create function crm_sync._required_change_times(p_table regclass)
returns table (column_name text, counts_if text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query select times.column_name, times.counts_if from crm_sync._change_times(p_table) as times;
    if not found then
        raise exception '% has neither updated_at nor created_at', p_table
            using errcode = 'CS022', hint = 'Name the rows: backfill(route, p_row_ids => array[…]).';
    end if;
end;
$$;

create function crm_sync._knows_birth(p_table regclass)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (select from crm_sync._time_columns(p_table) as times where times.column_name = 'created_at');
end;
$$;

create function crm_sync._is_quick_to_search(p_table_name text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A small table, or one with an index that begins with the time of change, or with each of the two. A parent's index does
    -- not hold its children's rows; a partitioned table's does.
    return exists (
        select from pg_catalog.pg_class as classes
        where classes.oid = to_regclass(p_table_name)
          and exists (select from crm_sync._change_times(classes.oid))
          and (classes.relkind = 'p' or not exists (select from pg_catalog.pg_inherits as parts where parts.inhparent = classes.oid))
          and (classes.relkind = 'r' and pg_relation_size(classes.oid) <= 50000000
               or not exists (
                   select from crm_sync._change_times(classes.oid) as times
                   join pg_catalog.pg_attribute as attributes
                     on attributes.attrelid = classes.oid and attributes.attname = times.column_name
                   where not exists (
                       select from pg_catalog.pg_index as indexes
                       where indexes.indrelid = classes.oid and indexes.indkey[0] = attributes.attnum
                         and indexes.indisvalid and indexes.indpred is null)))
    );
end;
$$;

comment on function crm_sync._time_columns(regclass) is 'updated_at and created_at, where the table has them and they are times.';
comment on function crm_sync._change_times(regclass) is
    'The columns that tell when a row changed, each with an SQL condition over new: updated_at; created_at of rows where that is null, or where there is none. No rows: nothing tells.';
comment on function crm_sync._required_change_times(regclass) is 'The same. Error: CS022 nothing tells.';
comment on function crm_sync._knows_birth(regclass) is 'Whether the table''s rows tell when they were created.';
comment on function crm_sync._is_quick_to_search(text) is 'Whether looking for the rows of the last day is possible, and cheap.';

revoke all on function crm_sync._time_columns(regclass), crm_sync._change_times(regclass), crm_sync._required_change_times(regclass),
    crm_sync._knows_birth(regclass), crm_sync._is_quick_to_search(text) from public;
