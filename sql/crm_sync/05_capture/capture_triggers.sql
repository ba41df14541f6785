-- The triggers of capture, known by what they call: a rename takes them along, and leaves them on the wrong table or under
-- another name.

create function crm_sync._capture_triggers()
returns table (table_name text, trigger_name text, function_name text, is_own boolean)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select named.table_name, triggers.tgname::text, functions.proname::text,
           triggers.tgname in ('crm_sync_capture_insert', 'crm_sync_capture_update')
           and functions.proname = crm_sync._generated_name('capture', named.table_name)
    from pg_catalog.pg_trigger as triggers
    join pg_catalog.pg_proc as functions on functions.oid = triggers.tgfoid
    cross join lateral crm_sync._table_name(triggers.tgrelid) as named (table_name)
    where functions.pronamespace = 'crm_sync'::regnamespace
      and starts_with(functions.proname::text, '_capture__');
end;
$$;

create function crm_sync._strange_triggers(p_table_name text)
returns table (table_name text, trigger_name text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select triggers.table_name, triggers.trigger_name
    from crm_sync._capture_triggers() as triggers
    where not triggers.is_own
      and (triggers.table_name = p_table_name
           or triggers.function_name = crm_sync._generated_name('capture', p_table_name));
end;
$$;

create function crm_sync._drop_strange_triggers(p_table_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name text;
    v_trigger    text;
begin
    perform crm_sync._lock_shortly(
        array(select distinct strange.table_name from crm_sync._strange_triggers(p_table_name) as strange order by 1), 'access exclusive');
    for v_table_name, v_trigger in select * from crm_sync._strange_triggers(p_table_name) as strange order by 1, 2 loop
        execute format('drop trigger %I on %s', v_trigger, v_table_name);
        if v_table_name not in (select * from crm_sync._attached_tables()) then
            raise warning 'nothing is captured from % any more: its trigger % was that of %', v_table_name, v_trigger, p_table_name
                using errcode = 'CS052', hint = format('If it is to be captured: select crm_sync.attach(%L, …);', v_table_name);
        end if;
    end loop;
end;
$$;

create function crm_sync._drop_generated(p_table_name text, p_routes text[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_function regprocedure;
begin
    for v_function in
        select generated.function from crm_sync._generated_functions(p_table_name) as generated (function)
        union all
        select procedures.oid::regprocedure
        from pg_catalog.pg_proc as procedures
        where procedures.pronamespace = 'crm_sync'::regnamespace
          and procedures.proname in (
              select crm_sync._generated_name('record', p_table_name, routes.route) from unnest(p_routes) as routes (route))
    loop
        execute format('drop function %s', v_function);
    end loop;
end;
$$;

comment on function crm_sync._capture_triggers() is 'Every trigger of capture, by what it calls; is_own: it bears our name and calls what was generated for its table.';
comment on function crm_sync._strange_triggers(text) is 'Triggers of capture of another name on this table, and those of this name on another.';
comment on function crm_sync._drop_strange_triggers(text) is
    'Drops triggers of capture that a rename has left on the wrong table, or under another name. Warns (CS052) of a table from which nothing is captured then.';
comment on function crm_sync._drop_generated(text, text[]) is 'Drops the functions generated for a table and these routes.';

revoke all on function crm_sync._capture_triggers(), crm_sync._strange_triggers(text),
    crm_sync._drop_strange_triggers(text), crm_sync._drop_generated(text, text[]) from public;
