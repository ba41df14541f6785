-- The text of a table's capture function. It runs inside the application's statement: one exception block around
-- everything (no DECLARE initialisers, they escape it), locks waited for 200 ms at most in a transaction, inserts only.
-- Definer, because the application's roles have no rights in crm_sync.

create function crm_sync._capture_function_sql(p_table_name text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return format(
        $sql$
create or replace function crm_sync.%I()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '200ms' set plan_cache_mode = 'force_generic_plan'
%s
as %L;
$sql$,
        crm_sync._generated_name('capture', p_table_name),
        crm_sync._pins_sql(),
        format(
            $body$
#variable_conflict use_column
declare
    v_count      int;
    v_dispatched text;
    v_left_out   text[];
begin
    if current_setting('crm_sync.has_waited', true) = 'yes' then
        perform set_config('lock_timeout', '1ms', true);
    end if;
    if current_setting('crm_sync.capture', true) <> '' or current_setting('crm_sync.origin', true) <> '' then
        v_left_out := crm_sync._destinations_left_out();
    end if;
    if tg_table_name <> %6$L or tg_table_schema <> %7$L then
        perform crm_sync._refuse_former_name(%8$L, tg_relid);
    end if;%9$s
    if v_left_out is not null then%5$s
        return null;
    end if;
    if tg_op = 'INSERT' then%1$s
    else%2$s%3$s
    end if;
    if v_count > 0 then
        v_dispatched := set_config('crm_sync.dispatched', '', true);
    end if;
    return null;
exception when others then
%4$s    return null;
end;
$body$,
            crm_sync._insert_deliveries_sql(p_table_name, 'INSERT'),
            crm_sync._insert_deliveries_sql(p_table_name, 'UPDATE'),
            coalesce(crm_sync._related_sql(p_table_name), ''),
            crm_sync._capture_handler_sql(p_table_name),
            crm_sync._leave_out_sql(p_table_name),
            (parse_ident(p_table_name))[2], (parse_ident(p_table_name))[1], p_table_name,
            crm_sync._leave_to_tick_sql(p_table_name)));
end;
$$;

create function crm_sync._insert_deliveries_sql(p_table_name text, p_operation text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return crm_sync._insert_fired_sql(
        p_table_name, p_operation, 'dispatch_at_commit',
        $sql$-- Few rows are dispatched at commit; many drip from the ledger by the tick.
               (select count(*) <= 20 from (select from new_rows limit 21) as few)$sql$);
end;
$$;

create function crm_sync._insert_fired_sql(p_table_name text, p_operation text, p_columns text, p_values text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_fired text := crm_sync._all_fired_sql(p_table_name, p_operation);
begin
    if v_fired is null then
        return e'\n        null;';
    end if;
    return format(
        $sql$
        insert into crm_sync.deliveries (
            route, destination, table_name, row_id, operation, ordering_key, record, %s
        )
        select fired.route, fired.destination, %L, fired.row_id, %L, fired.ordering_key, fired.record,
               %s
        from (
%s        ) as fired;
        get diagnostics v_count = row_count;$sql$,
        p_columns, p_table_name, p_operation, p_values, v_fired);
end;
$$;

create function crm_sync._capture_handler_sql(p_table_name text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return format(
        $sql$    begin
        if sqlstate = '55P03' then
            perform set_config('crm_sync.has_waited', 'yes', true);
        end if;
%s    exception when others then
        begin
            perform nextval('crm_sync.unstored_changes');
        exception when others then
            null;
        end;
        raise log 'crm-sync: a change of %% was missed by capture (SQLSTATE %%)', %L, sqlstate;
    end;
$sql$,
        crm_sync._store_changes_sql(p_table_name, 'sqlstate', 'sqlerrm'), p_table_name);
end;
$$;

create function crm_sync._store_changes_sql(
    p_table_name text, p_sql_state text, p_message text, p_inserted_if text default 'true', p_updated_if text default 'true'
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- to_jsonb works whatever has happened to the columns; the whole row, because conditions may use any of it.
    return format(
        $sql$        if tg_op = 'INSERT' then
            perform crm_sync._capture_failed(
                case %3$s when 'CS051' then crm_sync._table_name(tg_relid) else %1$L end, tg_op,
                null,
                (select jsonb_agg(to_jsonb(new)) from new_rows as new),
                (select array_agg(%2$s) from new_rows as new),
                %3$s, %4$s, v_left_out, tg_relid)
            where %5$s;
        else
            perform crm_sync._capture_failed(
                case %3$s when 'CS051' then crm_sync._table_name(tg_relid) else %1$L end, tg_op,
                (select jsonb_agg(to_jsonb(old)) from old_rows as old),
                (select jsonb_agg(to_jsonb(new)) from new_rows as new),
                (select array_agg(%2$s) from new_rows as new),
                %3$s, %4$s, v_left_out, tg_relid)
            where %6$s;
        end if;
$sql$,
        p_table_name, crm_sync._row_id_sql(p_table_name::regclass, 'new'), p_sql_state, p_message, p_inserted_if, p_updated_if);
end;
$$;

comment on function crm_sync._capture_function_sql(text) is 'SQL text of a table''s capture trigger function.';
comment on function crm_sync._insert_deliveries_sql(text, text) is 'The statement of a capture function that captures an INSERT or an UPDATE.';
comment on function crm_sync._insert_fired_sql(text, text, text, text) is
    'An insert into the ledger of what an INSERT or an UPDATE has fired, with further columns and their values.';
comment on function crm_sync._capture_handler_sql(text) is 'The exception handler of a capture function: the changes go to capture_failures.';
comment on function crm_sync._store_changes_sql(text, text, text, text, text) is
    'Its statement, and that for serializable: stores the changes for the tick, for a reason given as SQL, if conditions given as SQL hold.';

revoke all on function crm_sync._capture_function_sql(text), crm_sync._insert_deliveries_sql(text, text),
    crm_sync._insert_fired_sql(text, text, text, text), crm_sync._capture_handler_sql(text),
    crm_sync._store_changes_sql(text, text, text, text, text) from public;
