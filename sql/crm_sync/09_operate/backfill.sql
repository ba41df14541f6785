-- New deliveries from rows as they are now, for routes whose condition they meet. They never hold up live ones.

create function crm_sync.backfill(
    p_route text, p_row_ids text[] default null, p_since timestamptz default null, p_limit int default 10000, p_note text default null
)
returns table (delivery_id bigint)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name text;
    v_row_ids    text[];
    v_new_ids    bigint[] := array[]::bigint[];
begin
    perform crm_sync._require_route(p_route);
    if p_row_ids is null and p_since is null then
        raise exception 'backfill needs row ids or a time since when rows were changed'
            using errcode = 'CS021', hint = 'backfill(''lead'', p_since => now() - interval ''1 day'')';
    end if;
    for v_table_name in select attachments.table_name from crm_sync.attachments where attachments.route = p_route loop
        v_row_ids := coalesce(
            (select array_agg(distinct ids.row_id) from unnest(p_row_ids) as ids (row_id)),
            crm_sync._rows_changed_since(v_table_name, p_since, p_limit));
        v_new_ids := v_new_ids || array(
            select * from crm_sync._recapture(
                v_table_name, 'UPDATE', '[]', crm_sync._rows(v_table_name, v_row_ids), array[p_route], true));
    end loop;
    perform crm_sync._note_operation(
        'backfill', jsonb_build_object('route', p_route, 'since', p_since, 'row_count', cardinality(p_row_ids)),
        cardinality(v_new_ids), p_note);
    return query select unnest(v_new_ids);
end;
$$;

create function crm_sync._rows_changed_since(p_table_name text, p_since timestamptz, p_limit int)
returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_row_ids text[];
    v_column  text := crm_sync._changed_at_column(p_table_name::regclass);
begin
    execute format(
        'select array_agg(recent.row_id)
         from (select %s as row_id from %s as this where this.%I >= $1 order by this.%3$I limit $2) as recent',
        crm_sync._row_id_sql(p_table_name::regclass, 'this'), p_table_name, v_column
    ) into v_row_ids using p_since, p_limit;
    return v_row_ids;
end;
$$;

create function crm_sync._time_column(p_table regclass, p_names text[] default array['updated_at', 'created_at'])
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select attributes.attname::text
    from pg_catalog.pg_attribute as attributes
    where attributes.attrelid = p_table
      and attributes.attname = any (p_names)
      and attributes.atttypid in ('timestamptz'::regtype, 'timestamp'::regtype)
      and not attributes.attisdropped
    order by attributes.attname desc
    limit 1;
$$;

create function crm_sync._changed_at_column(p_table regclass)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_column text := crm_sync._time_column(p_table);
begin
    if v_column is null then
        raise exception '% has neither updated_at nor created_at', p_table
            using errcode = 'CS022', hint = 'Name the rows: backfill(route, p_row_ids => array[…]).';
    end if;
    return v_column;
end;
$$;

comment on function crm_sync.backfill(text, text[], timestamptz, int, text) is
    'Captures rows as they are now, by id or by time of change (updated_at, else created_at), 10,000 at most by default. Each call makes new deliveries with new keys: not safe to repeat for event routes. Role: crm_sync_operator. Errors: CS002 unknown route, CS021 neither ids nor time, CS022 no time column.';
comment on function crm_sync._rows_changed_since(text, timestamptz, int) is 'Row ids changed since then, oldest first.';
comment on function crm_sync._time_column(regclass, text[]) is 'The last in the alphabet of these columns that is there as a timestamp: updated_at, else created_at; null: none.';
comment on function crm_sync._changed_at_column(regclass) is 'updated_at, else created_at. Error: CS022 neither.';

revoke all on function crm_sync.backfill(text, text[], timestamptz, int, text),
    crm_sync._rows_changed_since(text, timestamptz, int), crm_sync._time_column(regclass, text[]), crm_sync._changed_at_column(regclass) from public;
grant execute on function crm_sync.backfill(text, text[], timestamptz, int, text) to crm_sync_operator;
