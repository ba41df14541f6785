-- The inverse of attach(): triggers, generated functions and attachments of a table go; its deliveries stay, and what reads
-- their records. forget() does the same where no table bears the name any more.

create function crm_sync.detach(p_table regclass, p_route text default null)
returns setof crm_sync.attachments
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform crm_sync._one_at_a_time();
    if p_route is not null then
        perform crm_sync._require_route(p_route);
    end if;
    perform crm_sync._follow_if_renamed(p_table);
    perform crm_sync._note_if_not_attached(crm_sync._table_name(p_table), p_route);
    return query select * from crm_sync._detach(crm_sync._table_name(p_table), p_route);
end;
$$;

create function crm_sync._note_if_not_attached(p_table_name text, p_route text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (
        select from (
            select attachments.table_name, attachments.route from crm_sync.attachments
            union all
            select related.table_name, related.route from crm_sync.related_attachments as related
        ) as attached
        where attached.table_name = p_table_name and attached.route = coalesce(p_route, attached.route)
    ) then
        return;
    end if;
    raise notice '% attached to %', coalesce('route ' || p_route || ' is not', 'nothing is'), p_table_name
        using errcode = 'CS058', hint = 'What is attached: crm_sync.attachments, crm_sync.related_attachments.';
end;
$$;

create function crm_sync.forget(p_table_name text)
returns setof crm_sync.attachments
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_new_name text;
begin
    perform crm_sync._one_at_a_time();
    if crm_sync._is_table(p_table_name) then
        raise exception '% is there', p_table_name
            using errcode = 'CS039', hint = format('select crm_sync.detach(%L);', p_table_name);
    end if;
    if p_table_name not in (select * from crm_sync._attached_tables())
       and not exists (select from crm_sync.deliveries where deliveries.table_name = p_table_name)
    then
        raise exception 'nothing was ever captured from "%"', p_table_name
            using errcode = 'CS055', hint = 'Named as in crm_sync.attachments: schema.table.';
    end if;
    select renamed.table_name into v_new_name
    from crm_sync._renamed_tables() as renamed
    where renamed.former_name = p_table_name and renamed.is_certain;
    -- Its rows are there: what was captured of them is still sent.
    if v_new_name is not null then
        perform crm_sync._follow_rename(p_table_name, v_new_name);
        return query select * from crm_sync._detach(v_new_name, null);
        return;
    end if;
    return query select * from crm_sync._detach(p_table_name, null);
    perform crm_sync._give_up_unread(p_table_name);
end;
$$;

create function crm_sync._give_up_unread(p_table_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ids   bigint[] := crm_sync._unreadable(p_table_name);
    v_count int;
begin
    v_count := cardinality(crm_sync._cancel(v_ids, array['pending'], 'table_gone'));
    perform crm_sync._note_operation('forget', jsonb_build_object('table', p_table_name), v_count);
    if v_count > 0 then
        raise warning '% deliveries of % are cancelled: nobody has read them, and their table is gone', v_count, p_table_name
            using errcode = 'CS053', hint = format(
                'Which: select * from crm_sync.delivery_log where table_name = %L and last_error_code = ''table_gone'';', p_table_name);
    end if;
end;
$$;

create function crm_sync._unreadable(p_table_name text)
returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_route      text;
    v_ids        bigint[];
    v_unreadable bigint[] := array[]::bigint[];
begin
    for v_route, v_ids in
        select deliveries.route, array_agg(deliveries.delivery_id)
        from crm_sync.deliveries
        where deliveries.table_name = p_table_name and deliveries.status = 'pending' and deliveries.claimed_at is null
        group by deliveries.route
    loop
        begin
            -- Of no delivery at all: that the table, its row type or its schema is gone shows at once.
            perform from crm_sync._records(p_table_name, v_route, '{}');
        exception when undefined_table or undefined_object or invalid_schema_name or undefined_function then
            v_unreadable := v_unreadable || v_ids;
        end;
    end loop;
    return v_unreadable;
end;
$$;

create function crm_sync._detach(p_table_name text, p_route text)
returns setof crm_sync.attachments
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '3s'
as $$
declare
    v_detached crm_sync.attachments[];
    v_tables   text[];
    v_left     text;
begin
    -- Tables whose changes count as changes of this one lose their attachment with it.
    with related as (
        delete from crm_sync.related_attachments as related
        where p_table_name in (related.table_name, related.target_table)
          and related.route = coalesce(p_route, related.route)
        returning related.table_name
    )
    select array_agg(touched.table_name order by touched.table_name) into v_tables
    from (select related.table_name from related union select p_table_name) as touched (table_name);
    with detached as (
        delete from crm_sync.attachments
        where attachments.table_name = p_table_name and attachments.route = coalesce(p_route, attachments.route)
        returning attachments.*
    )
    select array_agg(detached::crm_sync.attachments) into v_detached from detached;
    -- All at once: nobody waits behind one table while we ask for the next.
    perform crm_sync._lock_shortly(
        array(select distinct idle.table_name
              from unnest(v_tables) as tables (name) cross join lateral crm_sync._idle_triggers(tables.name) as idle
              order by 1),
        'access exclusive');
    foreach v_left in array v_tables loop
        perform crm_sync._drop_idle(v_left);
    end loop;
    perform crm_sync._create_generated('_records', crm_sync._records_function_sql());
    return query select * from unnest(v_detached);
end;
$$;

create function crm_sync._drop_idle(p_table_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name text;
    v_trigger    text;
begin
    for v_table_name, v_trigger in select * from crm_sync._idle_triggers(p_table_name) loop
        execute format('drop trigger %I on %s', v_trigger, v_table_name);
    end loop;
    if p_table_name in (select * from crm_sync._attached_tables()) then
        perform crm_sync._reattach_table(p_table_name);
        return;
    end if;
    -- A route's record function stays as long as deliveries of it may wait for their first claim.
    perform crm_sync._drop_generated(p_table_name, '{}');
end;
$$;

create function crm_sync._idle_triggers(p_table_name text)
returns table (table_name text, trigger_name text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- By what they call: a table that took this one's place, or was renamed, may have them.
    return query
    select triggers.table_name, triggers.trigger_name
    from crm_sync._capture_triggers() as triggers
    where triggers.is_own and triggers.table_name = p_table_name
      and not exists (select from crm_sync.attachments where attachments.table_name = p_table_name)
      and (triggers.trigger_name = 'crm_sync_capture_insert'
           or not exists (select from crm_sync.related_attachments as related where related.table_name = p_table_name))
    union all
    select * from crm_sync._strange_triggers(p_table_name);
end;
$$;

create function crm_sync._generated_functions(p_table_name text)
returns setof regprocedure
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select procedures.oid::regprocedure
    from pg_catalog.pg_proc as procedures
    where procedures.pronamespace = 'crm_sync'::regnamespace
      and procedures.proname in (
          crm_sync._generated_name('capture', p_table_name),
          crm_sync._generated_name('recapture', p_table_name),
          crm_sync._generated_name('related', p_table_name)
      );
end;
$$;

comment on function crm_sync.detach(regclass, text) is
    'Takes capture off a table, of one route or of all; returns what was attached. Deliveries already captured are still delivered; of what capture could not write (capture_failures) health() asks what shall become. Safe to repeat: where nothing was attached a notice (CS058) says so. Role: owner of the table. Errors: CS002 unknown route, 55P03 the tables that lose a trigger could not be locked within 5 s.';
comment on function crm_sync.forget(text) is
    'Detaches a table that was dropped or renamed, named as in crm_sync.attachments; returns what was attached. What waits and has its record, as an event has, is still sent, of a renamed one all, under its new name; the rest is cancelled (table_gone), with a warning (CS053) of how many. Safe to repeat. Role: owner. Errors: CS039 the table is there, CS055 nothing attached and no delivery has this name.';
comment on function crm_sync._note_if_not_attached(text, text) is 'Says so (CS058) where the route, or any, is not attached to the table.';
comment on function crm_sync._give_up_unread(text) is 'Cancels what waits to be read from a table that is gone; says, and writes down, how many.';
comment on function crm_sync._unreadable(text) is 'Deliveries that wait for their first claim and whose record can not be built, as their table is gone.';
comment on function crm_sync._detach(text, text) is 'What detach() and forget() do.';
comment on function crm_sync._drop_idle(text) is 'Makes a table''s triggers and functions agree with what is still attached; drops them where nothing is.';
comment on function crm_sync._idle_triggers(text) is 'The triggers of ours that nothing attached needs any more, on the table or with its functions elsewhere.';
comment on function crm_sync._generated_functions(text) is 'The functions generated for a table as a whole.';

revoke all on function crm_sync.detach(regclass, text), crm_sync.forget(text), crm_sync._give_up_unread(text), crm_sync._unreadable(text),
    crm_sync._note_if_not_attached(text, text), crm_sync._detach(text, text),
    crm_sync._drop_idle(text), crm_sync._idle_triggers(text), crm_sync._generated_functions(text) from public;
