-- The text of the function that finds which rows of other tables a changed row affects.

create function crm_sync._related_function_sql(p_table_name text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select format(
        $sql$
create or replace function crm_sync.%I(p_row_ids text[])
returns table (route text, target_table text, row_id text)
language plpgsql
set search_path = pg_catalog, pg_temp set row_security = 'off'
%s
as %L;
$sql$,
        crm_sync._generated_name('related', p_table_name),
        crm_sync._pins_sql(),
        format(
            $body$
#variable_conflict use_column
begin
    return query
%s;
end;
$body$,
            string_agg(format(
            $sql$    select distinct %L, %L, affected.row_id
    from unnest(p_row_ids) as changed (row_id)
    join %s as new on %s
    cross join lateral (%s) as affected (row_id)$sql$,
            related.route, related.target_table, p_table_name,
            crm_sync._row_matches_sql(p_table_name::regclass, 'new', 'changed.row_id'), related.affected
        ), e'\n    union all\n')))
    from crm_sync.related_attachments as related
    where related.table_name = p_table_name
    having count(*) > 0;
$$;

comment on function crm_sync._related_function_sql(text) is 'SQL text of the function that finds the rows that a changed row affects; null where there is no need.';

revoke all on function crm_sync._related_function_sql(text) from public;
