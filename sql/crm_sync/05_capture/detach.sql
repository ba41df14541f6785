-- The exact inverse of attach(): triggers, generated functions and attachments of a table go; its deliveries stay.

create function crm_sync.detach(p_table regclass, p_route text default null)
returns setof crm_sync.attachments
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '3s'
as $$
declare
    v_table_name text := crm_sync._table_name(p_table);
    v_detached   crm_sync.attachments[];
    v_left       text;
begin
    -- Tables whose changes count as changes of this one lose their attachment with it.
    for v_left in
        with related as (
            delete from crm_sync.related_attachments as related
            where v_table_name in (related.table_name, related.target_table)
              and related.route = coalesce(p_route, related.route)
            returning related.table_name
        )
        select related.table_name from related
        union
        select v_table_name
    loop
        with detached as (
            delete from crm_sync.attachments
            where attachments.table_name = v_table_name and attachments.route = coalesce(p_route, attachments.route)
            returning attachments.*
        )
        select coalesce(v_detached, array_agg(detached::crm_sync.attachments)) into v_detached from detached;
        perform crm_sync._take_off(v_left);
    end loop;
    perform crm_sync._create_generated('_records', crm_sync._records_function_sql());
    return query select * from unnest(v_detached);
end;
$$;

create function crm_sync._take_off(p_table_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_has_routes  boolean := exists (select from crm_sync.attachments where attachments.table_name = p_table_name);
    v_has_related boolean := exists (
        select from crm_sync.related_attachments as related where related.table_name = p_table_name);
    v_function    regprocedure;
begin
    if not v_has_routes then
        perform crm_sync._lock_shortly(p_table_name, 'access exclusive');
        execute format('drop trigger if exists crm_sync_capture_insert on %s', p_table_name);
    end if;
    if v_has_routes or v_has_related then
        perform crm_sync._reattach_table(p_table_name);
        return;
    end if;
    execute format('drop trigger if exists crm_sync_capture_update on %s', p_table_name);
    for v_function in select crm_sync._generated_functions(p_table_name) loop
        execute format('drop function %s', v_function);
    end loop;
end;
$$;

create function crm_sync._generated_functions(p_table_name text)
returns setof regprocedure
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A route's record function stays as long as deliveries of it may wait for their first claim.
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
    'Takes capture off a table, of one route or of all; returns what was attached. Deliveries already captured are still delivered; of what capture could not write (capture_failures) health() asks what shall become. Safe to repeat. Role: owner of the table. Error: 55P03 the table could not be locked within 5 s.';
comment on function crm_sync._take_off(text) is 'Makes a table''s triggers and functions agree with what is still attached; drops them where nothing is.';
comment on function crm_sync._generated_functions(text) is 'The functions generated for a table as a whole.';

revoke all on function crm_sync.detach(regclass, text), crm_sync._take_off(text), crm_sync._generated_functions(text) from public;
