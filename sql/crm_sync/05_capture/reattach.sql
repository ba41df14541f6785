-- Makes triggers and generated functions agree with crm_sync.attachments. Every migration ends with reattach().

create function crm_sync.reattach()
returns setof text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name text;
begin
    for v_table_name in
        select attachments.table_name from crm_sync.attachments
        union
        select related.table_name from crm_sync.related_attachments as related
        order by 1
    loop
        perform crm_sync._reattach_table(v_table_name);
        return next v_table_name;
    end loop;
end;
$$;

create function crm_sync._reattach_table(p_table_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '3s'
as $$
declare
    v_attachment crm_sync.attachments;
begin
    for v_attachment in select * from crm_sync.attachments where attachments.table_name = p_table_name loop
        perform crm_sync._create_generated(
            crm_sync._generated_name('_record_', p_table_name, '__' || v_attachment.route),
            crm_sync._record_function_sql(v_attachment));
    end loop;
    perform crm_sync._create_generated('_records', crm_sync._records_function_sql());
    perform crm_sync._create_generated(
        crm_sync._generated_name('_recapture_', p_table_name), crm_sync._recapture_function_sql(p_table_name));
    perform crm_sync._create_generated(
        crm_sync._generated_name('_related_', p_table_name), crm_sync._related_function_sql(p_table_name));
    perform crm_sync._create_generated(
        crm_sync._generated_name('_capture_', p_table_name), crm_sync._capture_function_sql(p_table_name));
    if exists (select from crm_sync.attachments where attachments.table_name = p_table_name) then
        perform crm_sync._create_trigger(p_table_name, 'crm_sync_capture_insert',
            'after insert on %s referencing new table as new_rows');
    end if;
    perform crm_sync._create_trigger(p_table_name, 'crm_sync_capture_update',
        'after update on %s referencing old table as old_rows new table as new_rows');
end;
$$;

create function crm_sync._create_generated(p_name text, p_sql text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_sql is null then
        return;
    end if;
    execute p_sql;
    execute (
        select string_agg(format('revoke all on function %s from public', procedures.oid::regprocedure), '; ')
        from pg_catalog.pg_proc as procedures
        where procedures.pronamespace = 'crm_sync'::regnamespace and procedures.proname = p_name
    );
end;
$$;

create function crm_sync._create_trigger(p_table_name text, p_trigger text, p_event text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (
        select from pg_catalog.pg_trigger as triggers
        where triggers.tgrelid = p_table_name::regclass and triggers.tgname = p_trigger
    ) then
        execute format('create trigger %I ' || p_event || ' for each statement execute function crm_sync.%I()',
                       p_trigger, p_table_name, crm_sync._generated_name('_capture_', p_table_name));
    end if;
end;
$$;

comment on function crm_sync.reattach() is
    'Makes triggers and generated functions anew from crm_sync.attachments; returns the tables. Safe to repeat. Role: owner of the tables.';
comment on function crm_sync._reattach_table(text) is 'The same for one table.';
comment on function crm_sync._create_generated(text, text) is 'Creates a generated function, not executable by PUBLIC; nothing where there is no text.';
comment on function crm_sync._create_trigger(text, text, text) is 'Creates a capture trigger unless it is there: an existing one costs no lock.';

revoke all on function crm_sync.reattach(), crm_sync._reattach_table(text), crm_sync._create_generated(text, text),
    crm_sync._create_trigger(text, text, text) from public;
