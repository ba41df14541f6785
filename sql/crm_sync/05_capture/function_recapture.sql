-- The text of the function that captures changes handed to it as JSON: the tick's repair, related changes, backfill.
-- Same queries as the trigger's, over the same names: what fires there fires here.

create function crm_sync._recapture_function_sql(p_table_name text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case when crm_sync._all_fired_sql(p_table_name, 'RECAPTURE') is not null then format(
        $sql$
create or replace function crm_sync.%I(
    p_operation text, p_old_rows jsonb, p_new_rows jsonb, p_routes text[], p_is_backfill boolean, p_captured_at timestamptz
)
returns setof bigint
language plpgsql
set search_path = pg_catalog, pg_temp
%s
as %L;
$sql$,
        crm_sync._generated_name('recapture', p_table_name),
        crm_sync._pins_sql(),
        format(
            $body$
begin
    return query
    with new_rows as (select * from jsonb_populate_recordset(null::%1$s, p_new_rows)),
    old_rows as (select * from jsonb_populate_recordset(null::%1$s, p_old_rows))
    insert into crm_sync.deliveries (
        route, destination, table_name, row_id, operation, ordering_key, record, is_backfill, captured_at
    )
    select fired.route, fired.destination, %1$L, fired.row_id, p_operation, fired.ordering_key, fired.record,
           p_is_backfill, p_captured_at
    from (
%2$s    ) as fired
    where p_routes is null or fired.route = any (p_routes)
    returning deliveries.delivery_id;
end;
$body$,
            p_table_name, crm_sync._all_fired_sql(p_table_name, 'RECAPTURE'))) end;
$$;

comment on function crm_sync._recapture_function_sql(text) is 'SQL text of a table''s recapture function; null where no route is attached.';

revoke all on function crm_sync._recapture_function_sql(text) from public;
