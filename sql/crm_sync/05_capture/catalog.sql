-- Reads the catalog for attach(): tables, their names, primary keys, and how two values of a column are compared.

create function crm_sync._table_name(p_table regclass)
returns text
language sql
stable
-- Or a name would be quoted that stands unquoted in the ledger.
set search_path = pg_catalog, pg_temp set quote_all_identifiers = 'off'
as $$
    select format('%I.%I', namespaces.nspname, classes.relname)
    from pg_catalog.pg_class as classes
    join pg_catalog.pg_namespace as namespaces on namespaces.oid = classes.relnamespace
    where classes.oid = p_table;
$$;

create function crm_sync._is_table(p_table_name text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (
        select from pg_catalog.pg_class as classes
        where classes.oid = to_regclass(p_table_name) and classes.relkind in ('r', 'p')
    );
end;
$$;

create function crm_sync._primary_key(p_table regclass)
returns table (column_name text, column_type text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select attributes.attname::text, format_type(attributes.atttypid, attributes.atttypmod)
    from pg_catalog.pg_index as indexes
    cross join unnest(indexes.indkey::int2[]) with ordinality as keys (attnum, position)
    join pg_catalog.pg_attribute as attributes
      on attributes.attrelid = indexes.indrelid and attributes.attnum = keys.attnum
    where indexes.indrelid = p_table and indexes.indisprimary
    order by keys.position;
$$;

create function crm_sync._row_id_sql(p_table regclass, p_alias text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case count(*)
        when 1 then format('%s.%I::text', p_alias, min(keys.column_name))
        else format('jsonb_build_array(%s)::text', string_agg(format('%s.%I', p_alias, keys.column_name), ', '))
    end
    from crm_sync._primary_key(p_table) as keys;
$$;

create function crm_sync._row_matches_sql(p_table regclass, p_alias text, p_row_id text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- The id is cast to the key's type, never the column to text: the primary key's index serves.
    select string_agg(
        case count_keys
            when 1 then format('%s.%I = %s::%s', p_alias, column_name, p_row_id, column_type)
            else format('%s.%I = (%s::jsonb ->> %s)::%s', p_alias, column_name, p_row_id, position - 1, column_type)
        end, ' and ')
    from (
        select keys.column_name, keys.column_type, row_number() over () as position, count(*) over () as count_keys
        from crm_sync._primary_key(p_table) as keys
    ) as numbered;
$$;

create function crm_sync._same_row_sql(p_table regclass)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select string_agg(format('old.%1$I = new.%1$I', keys.column_name), ' and ')
    from crm_sync._primary_key(p_table) as keys;
$$;

create function crm_sync._changed_sql(p_table regclass, p_columns text[])
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- json, xml, point and their like have no equality that `is distinct from` can use, and an extension's, as hstore's, is
    -- out of the search_path: compared as text. So are intervals: a month is equal to thirty days. And byte by byte what its
    -- collation takes for the same, as 'ada' for 'Ada'.
    select string_agg(
        case when not collations.collisdeterministic
            then format('old.%1$I::text collate "C" is distinct from new.%1$I::text collate "C"', attributes.attname)
            when exists (
                select from pg_catalog.pg_opclass as classes
                where classes.opcdefault
                  and classes.opcmethod = (select am.oid from pg_catalog.pg_am as am where am.amname = 'btree')
                  and (classes.opcintype = types.oid or types.typbasetype = classes.opcintype)
                  and exists (
                      select from pg_catalog.pg_amop as members
                      join pg_catalog.pg_operator as operators on operators.oid = members.amopopr
                      where members.amopfamily = classes.opcfamily
                        and members.amoplefttype = classes.opcintype and members.amoprighttype = classes.opcintype
                        and operators.oprname = '=' and operators.oprnamespace = 'pg_catalog'::regnamespace
                  )
            ) and 'interval'::regtype not in (types.oid, types.typbasetype) or types.typtype in ('e', 'r', 'm') or types.typname in ('varchar', 'cidr')
            then format('old.%1$I is distinct from new.%1$I', attributes.attname)
            else format('old.%1$I::text is distinct from new.%1$I::text', attributes.attname)
        end, ' or ' order by array_position(p_columns, attributes.attname::text))
    from pg_catalog.pg_attribute as attributes
    join pg_catalog.pg_type as types on types.oid = attributes.atttypid
    left join pg_catalog.pg_collation as collations on collations.oid = attributes.attcollation
    where attributes.attrelid = p_table
      and attributes.attname = any (p_columns)
      and not attributes.attisdropped;
$$;

comment on function crm_sync._table_name(regclass) is 'schema.table, quoted where needed, whatever the search_path.';
comment on function crm_sync._is_table(text) is 'Whether a table, also a partitioned one, bears this name: a view does not count.';
comment on function crm_sync._primary_key(regclass) is 'Columns of the primary key in order; no rows where there is none.';
comment on function crm_sync._row_id_sql(regclass, text) is 'SQL text: the row id of an aliased row.';
comment on function crm_sync._row_matches_sql(regclass, text, text) is 'SQL boolean: the aliased row has this row id.';
comment on function crm_sync._same_row_sql(regclass) is 'SQL boolean: old and new are the same row.';
comment on function crm_sync._changed_sql(regclass, text[]) is 'SQL boolean: one of the columns differs between old and new.';

revoke all on function crm_sync._table_name(regclass), crm_sync._is_table(text), crm_sync._primary_key(regclass),
    crm_sync._row_id_sql(regclass, text), crm_sync._row_matches_sql(regclass, text, text),
    crm_sync._same_row_sql(regclass), crm_sync._changed_sql(regclass, text[]) from public;
