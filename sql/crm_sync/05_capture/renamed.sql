-- A table that bears another name than it was attached by: its triggers went with it, and call what was generated for the
-- old one. By them it is known again, and all that is attached, captured and told of it goes on under its new name.
-- Lock order: _one_at_a_time(), the tick's row of settings, deliveries, capture_failures, related_changes, attachments, the table.

create function crm_sync._renamed_tables()
returns table (former_name text, table_name text, is_certain boolean)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Of several nobody can say which is meant.
    return query
    select attached.name, triggers.table_name, count(*) over (partition by attached.name) = 1
    from crm_sync._attached_tables() as attached (name)
    join crm_sync._capture_triggers() as triggers
      on triggers.function_name = crm_sync._generated_name('capture', attached.name)
    where not triggers.is_own and not crm_sync._is_table(attached.name)
    group by attached.name, triggers.table_name;
end;
$$;

create function crm_sync._follow_if_renamed(p_table regclass)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform crm_sync._follow_rename(renamed.former_name, renamed.table_name)
    from crm_sync._renamed_tables() as renamed
    where renamed.table_name = crm_sync._table_name(p_table);
end;
$$;

create function crm_sync._follow_all_renames()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '3s'
as $$
begin
    -- The longest work of all of them first: writers wait for a table that was followed until the last one is.
    perform from crm_sync.settings where exists (select from crm_sync._renamed_tables()) for no key update;
    perform crm_sync._rename_in_ledger(renamed.former_name, renamed.table_name)
    from crm_sync._renamed_tables() as renamed
    where renamed.is_certain;
    perform crm_sync._follow_rename(renamed.former_name, renamed.table_name)
    from crm_sync._renamed_tables() as renamed
    where renamed.is_certain;
end;
$$;

create function crm_sync._follow_rename(p_former_name text, p_table_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '3s'
as $$
declare
    v_routes text[] := array(select attachments.route from crm_sync.attachments where attachments.table_name = p_former_name);
    v_others text[];
begin
    perform crm_sync._one_at_a_time();
    -- Ticks stand aside: they lock the ledger's rows in an order of their own.
    perform from crm_sync.settings for no key update;
    -- The longest work first, while nobody who writes waits for us; then what was captured meanwhile.
    perform crm_sync._rename_in_ledger(p_former_name, p_table_name);
    v_others := crm_sync._rename_attachments(p_former_name, p_table_name);
    perform crm_sync._reattach_table(p_table_name);
    perform crm_sync._rename_in_ledger(p_former_name, p_table_name);
    perform crm_sync._reattach_table(others.name) from unnest(v_others) as others (name)
    where others.name <> p_table_name and crm_sync._is_table(others.name);
    perform crm_sync._drop_strange_triggers(p_former_name);
    perform crm_sync._drop_generated(p_former_name, v_routes);
end;
$$;

create function crm_sync._rename_in_ledger(p_former_name text, p_table_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update crm_sync.deliveries set table_name = p_table_name where deliveries.table_name = p_former_name;
    update crm_sync.capture_failures as failures set table_name = p_table_name where failures.table_name = p_former_name;
    update crm_sync.related_changes as changes set table_name = p_table_name where changes.table_name = p_former_name;
end;
$$;

create function crm_sync._rename_attachments(p_former_name text, p_table_name text)
returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_former text := quote_literal(p_former_name);
    v_new    text := quote_literal(p_table_name);
    v_others text[];
begin
    -- What the new name was attached with since counts.
    insert into crm_sync.attachments (table_name, route, watched, columns, ordering_key, condition, transition, joined, attached_at,
                                      attached_table)
    select p_table_name, former.route, former.watched, former.columns, former.ordering_key, former.condition, former.transition,
           former.joined, former.attached_at, former.attached_table
    from crm_sync.attachments as former
    where former.table_name = p_former_name
    on conflict (table_name, route) do update set attached_at = least(attachments.attached_at, excluded.attached_at);
    update crm_sync.related_attachments as related set target_table = p_table_name where related.target_table = p_former_name;
    insert into crm_sync.related_attachments (table_name, route, target_table, watched, affected, attached_at)
    select p_table_name, former.route, former.target_table, former.watched, former.affected, former.attached_at
    from crm_sync.related_attachments as former
    where former.table_name = p_former_name
    on conflict (table_name, route) do nothing;
    delete from crm_sync.related_attachments as related where related.table_name = p_former_name;
    delete from crm_sync.attachments where attachments.table_name = p_former_name;
    -- Asked by the old name has_fired() would not know that a row was told of, and it would be told twice. Where the quoted
    -- name stands tells nothing: a call can be written in many ways.
    with mended as (
        update crm_sync.attachments
        set condition = replace(attachments.condition, v_former, v_new),
            transition = replace(attachments.transition, v_former, v_new),
            joined = replace(attachments.joined, v_former, v_new)
        where strpos(concat(attachments.condition, attachments.transition, attachments.joined), v_former) > 0
        returning attachments.table_name
    )
    select array_agg(distinct mended.table_name) into v_others from mended;
    return v_others;
end;
$$;

create function crm_sync._require_followed(p_table regclass default null)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_renamed text;
    v_former  text;
begin
    -- Asked by the new name the ledger knows nothing yet, and by the old one nothing of the rows.
    select renamed.table_name, renamed.former_name into v_renamed, v_former
    from crm_sync._renamed_tables() as renamed
    where renamed.table_name = coalesce(crm_sync._table_name(p_table), renamed.table_name)
    limit 1;
    if v_renamed is not null then
        raise exception '% was attached as %', v_renamed, v_former using errcode = 'CS051', hint = 'select crm_sync.reattach();';
    end if;
    select crm_sync._table_name(classes.oid), failures.table_name into v_renamed, v_former
    from crm_sync.capture_failures as failures
    join pg_catalog.pg_class as classes on classes.oid = failures.table_oid
    where not crm_sync._is_table(failures.table_name)
    limit 1;
    if v_renamed is not null then
        raise exception 'what was written to % while it was called % is still to be captured', v_renamed, v_former
            using errcode = 'CS051', hint = 'select crm_sync.reattach();';
    end if;
end;
$$;

create function crm_sync._refuse_former_name(p_table_name text, p_table oid)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Under the old name its rows could not be read, or another table's would be. Behind a view they can.
    if not exists (
        select from pg_catalog.pg_class as classes where classes.oid = to_regclass(p_table_name) and classes.relkind = 'v'
    ) then
        raise exception '% was attached as %', crm_sync._table_name(p_table), p_table_name
            using errcode = 'CS051', hint = 'select crm_sync.reattach();';
    end if;
end;
$$;

comment on function crm_sync._renamed_tables() is 'Attached names that no table bears any more, with the tables that have their triggers; is_certain: there is only one.';
comment on function crm_sync._follow_if_renamed(regclass) is 'Where a table was attached by another name, that is its own now.';
comment on function crm_sync._follow_all_renames() is 'The same for all tables that were renamed.';
comment on function crm_sync._follow_rename(text, text) is
    'What is attached, captured and told of a table goes on under its new name. Each row of its ledger is written once: some 15 s a million, and ticks wait.';
comment on function crm_sync._rename_in_ledger(text, text) is 'The ledger''s part of it.';
comment on function crm_sync._rename_attachments(text, text) is 'The attachments'' part of it; returns the tables whose expressions named the old name, as for has_fired().';
comment on function crm_sync._require_followed(regclass) is 'Raises CS051 while the table, or any, is still attached by a name that it bore before, or was written to under one.';
comment on function crm_sync._refuse_former_name(text, oid) is
    'For a capture function that a table of another name calls. Raises CS051: what is written is kept for reattach(); unless a view bears the name.';

revoke all on function crm_sync._renamed_tables(), crm_sync._follow_if_renamed(regclass), crm_sync._follow_all_renames(),
    crm_sync._follow_rename(text, text), crm_sync._rename_in_ledger(text, text), crm_sync._rename_attachments(text, text),
    crm_sync._require_followed(regclass), crm_sync._refuse_former_name(text, oid) from public;
