-- Rows by their ids, as JSON, and their capture as the table's trigger would: for what capture missed, related changes,
-- repair, backfill and dry runs.

create function crm_sync._rows(p_table_name text, p_row_ids text[])
returns jsonb
language plpgsql
-- As capture reads rows.
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' set extra_float_digits = '1'
set bytea_output = 'hex' set intervalstyle = 'postgres' set row_security = 'off'
as $$
declare
    v_rows jsonb;
begin
    execute format(
        'select coalesce(jsonb_agg(to_jsonb(this)), ''[]'')
         from unnest($1) as ids (row_id) join %s as this on %s',
        p_table_name, crm_sync._row_matches_sql(p_table_name::regclass, 'this', 'ids.row_id')
    ) into v_rows using p_row_ids;
    return v_rows;
end;
$$;

create function crm_sync._has_row(p_table_name text, p_row_id text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return crm_sync._rows(p_table_name, array[p_row_id]) <> '[]';
exception when data_exception then
    -- The key has another type by now: no row has such an id.
    return false;
end;
$$;

create function crm_sync._recapture(
    p_table_name text, p_operation text, p_old_rows jsonb, p_new_rows jsonb,
    p_routes text[] default null, p_is_backfill boolean default false, p_captured_at timestamptz default clock_timestamp()
)
returns setof bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from crm_sync.attachments where attachments.table_name = p_table_name) then
        return query execute format(
            'select * from crm_sync.%I($1, $2, $3, $4, $5, $6)', crm_sync._generated_name('recapture', p_table_name)
        ) using p_operation, p_old_rows, p_new_rows, p_routes, p_is_backfill, p_captured_at;
    end if;
end;
$$;

comment on function crm_sync._rows(text, text[]) is 'Rows by their row ids, as a JSON array; absent ones are left out.';
comment on function crm_sync._has_row(text, text) is 'Whether the table has a row of this id now.';
comment on function crm_sync._recapture(text, text, jsonb, jsonb, text[], boolean, timestamptz) is
    'Captures changes given as rows in JSON, as the table''s trigger would have; returns the new deliveries.';

revoke all on function crm_sync._rows(text, text[]), crm_sync._has_row(text, text),
    crm_sync._recapture(text, text, jsonb, jsonb, text[], boolean, timestamptz) from public;
