-- A row's id as the ledger spells it, however whoever asks does: '007' is 7, and a uuid in upper case the same one. Otherwise
-- they would be told that there is nothing, and an erasure would leave what it was to take.

create function crm_sync._row_id(p_table_name text, p_row_id text)
returns text
language plpgsql
stable
-- Definer: who looks at the ledger through its views reaches neither its tables nor the generator's functions. As capture
-- does, or the ledger knows the row by another id.
security definer
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' set extra_float_digits = '1'
set bytea_output = 'hex' set intervalstyle = 'postgres'
as $$
declare
    v_sql    text;
    v_row_id text;
begin
    -- What the ledger holds is an id, also of a table that is gone, or that had another key when it was captured.
    if p_row_id is null or crm_sync._is_known_row(p_table_name, p_row_id) then
        return p_row_id;
    end if;
    v_sql := crm_sync._spelled_sql(to_regclass(p_table_name), '$1');
    if v_sql is null then
        return p_row_id;
    end if;
    execute v_sql into v_row_id using p_row_id;
    if v_row_id is null then
        raise data_exception;
    end if;
    return v_row_id;
exception when data_exception or integrity_constraint_violation then
    raise exception '"%" is no id of a row of %', p_row_id, p_table_name
        using errcode = 'CS056', hint = crm_sync._key_in_words(to_regclass(p_table_name));
end;
$$;

create function crm_sync._row_ids(p_table_name text, p_row_ids text[])
returns text[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' set extra_float_digits = '1'
set bytea_output = 'hex' set intervalstyle = 'postgres'
as $$
declare
    v_row_ids text[];
begin
    execute format(
        'select array_agg(distinct spelled.row_id)
         from unnest($1) as ids (row_id) left join lateral (%s) as spelled (row_id) on true',
        crm_sync._spelled_sql(to_regclass(p_table_name), 'ids.row_id')
    ) into v_row_ids using p_row_ids;
    if array_position(v_row_ids, null) is not null then
        raise data_exception;
    end if;
    return v_row_ids;
exception when data_exception or integrity_constraint_violation then
    -- One by one, to say which.
    return array(select distinct crm_sync._row_id(p_table_name, ids.row_id) from unnest(p_row_ids) as ids (row_id));
end;
$$;

create function crm_sync._spelled_sql(p_table regclass, p_row_id text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- By the types' input, not by casts to them: a cast cuts off what is too long for the key, and finds another row.
    select format(
        'select %s from jsonb_to_record(jsonb_build_object(%s)) as this (%s) %s',
        crm_sync._row_id_sql(p_table, 'this'),
        case count(*)
            when 1 then format('%L, %s', min(keys.column_name), p_row_id)
            else string_agg(format('%L, %s::jsonb -> %s', keys.column_name, p_row_id, keys.place - 1), ', ' order by keys.place)
        end,
        string_agg(format('%I %s', keys.column_name, keys.column_type), ', ' order by keys.place),
        case when count(*) > 1 then format(
            'where jsonb_array_length(%1$s::jsonb) = %2$s and not %1$s::jsonb @> ''[null]''', p_row_id, count(*)) end)
    from crm_sync._primary_key(p_table) with ordinality as keys (column_name, column_type, place)
    having count(*) > 0;
$$;

create function crm_sync._is_known_row(p_table_name text, p_row_id text)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from crm_sync.deliveries where deliveries.row_id = p_row_id and deliveries.table_name = p_table_name
    ) or exists (
        select from crm_sync.capture_failures as failures
        where failures.table_name = p_table_name and p_row_id = any (failures.row_ids)
    ) or exists (
        select from crm_sync.related_changes as changes where changes.table_name = p_table_name and changes.row_id = p_row_id
    );
$$;

create function crm_sync._key_in_words(p_table regclass)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case count(*)
        when 1 then 'Its key as text: '
        else 'Its key as a JSON array: '
    end || string_agg(format('%s (%s)', keys.column_name, keys.column_type), ', ' order by keys.place)
    from crm_sync._primary_key(p_table) with ordinality as keys (column_name, column_type, place);
$$;

comment on function crm_sync._row_id(text, text) is
    'A row''s id as capture spells it; as it is given where the ledger knows it so, or no table bears the name or has a key. For views: row_id = (select crm_sync._row_id(…)). Changes nothing. Roles: crm_sync_reader, crm_sync_operator. Error: CS056 the table''s key can not be that.';
comment on function crm_sync._row_ids(text, text[]) is 'Many at once, each once, of a table that is there. Raises CS056.';
comment on function crm_sync._spelled_sql(regclass, text) is
    'SQL query over a row''s id, given as SQL: the same as capture spells it, null where it has another number of columns than the key; null: the table has no key.';
comment on function crm_sync._is_known_row(text, text) is 'Whether the ledger holds something of a row of exactly this id.';
comment on function crm_sync._key_in_words(regclass) is 'Which columns a row''s id has, and of which types, for a hint.';

revoke all on function crm_sync._row_id(text, text), crm_sync._row_ids(text, text[]), crm_sync._spelled_sql(regclass, text),
    crm_sync._is_known_row(text, text), crm_sync._key_in_words(regclass) from public;
grant execute on function crm_sync._row_id(text, text) to crm_sync_reader, crm_sync_operator;
