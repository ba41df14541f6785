-- Under serializable, what capture reads and others insert into makes a commit end in 40001, after every exception block of
-- ours. So where it would read (the ledger, an event's row, what a condition asks for) it stores the changes as the handler
-- does, and the tick, which runs under read committed, captures them as they were. Nothing leaves at such a commit anyway.

create function crm_sync._leave_to_tick_sql(p_table_name text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if not crm_sync._capture_reads(p_table_name) then
        return '';
    end if;
    return format(
        $sql$
    if current_setting('transaction_isolation') = 'serializable' then
%s        if v_left_out is not null then
            perform crm_sync._note_left_out(%L, (select count(*)::int from new_rows));
        end if;
        return null;
    end if;$sql$,
        crm_sync._store_changes_sql(
            p_table_name, '''CS064''', '''written under serializable: the next tick captures it''',
            'exists (select from new_rows)',
            format('exists (select from new_rows as new left join old_rows as old on %s where %s)',
                   crm_sync._same_row_sql(p_table_name::regclass), crm_sync._may_fire_sql(p_table_name))),
        p_table_name);
end;
$$;

create function crm_sync._capture_reads(p_table_name text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Functions of others can only be called by their schema here. A transition looks for the row's last delivery.
    return exists (
        select from crm_sync.attachments
        join crm_sync.routes on routes.route = attachments.route
        where attachments.table_name = p_table_name
          and (routes.kind = 'event'
               or attachments.transition <> 'true'
               or replace(concat_ws(' ', attachments.condition, attachments.ordering_key), 'crm_sync.is_present(', '')
                   ~* '\m(select|table)\M|\.\s*("[^"]+"|\w+)\s*\(')
    );
end;
$$;

create function crm_sync._may_fire_sql(p_table_name text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select string_agg(distinct part, ' or ')
    from (
        select format('old.%I is null', keys.column_name) as part from crm_sync._primary_key(p_table_name::regclass) as keys
        union all
        select crm_sync._changed_sql(p_table_name::regclass, attachments.watched)
        from crm_sync.attachments
        where attachments.table_name = p_table_name
        union all
        select crm_sync._changed_sql(p_table_name::regclass, related.watched)
        from crm_sync.related_attachments as related
        where related.table_name = p_table_name
    ) as parts;
$$;

comment on function crm_sync._leave_to_tick_sql(text) is
    'The part of a capture function that runs under serializable: stores for the tick what may fire; empty where capture reads nothing.';
comment on function crm_sync._capture_reads(text) is 'Whether the capture of a table reads what serializable transactions may write.';
comment on function crm_sync._may_fire_sql(text) is 'SQL boolean over old and new: a watched column differs, or the row is new; the rest fires nothing.';

revoke all on function crm_sync._leave_to_tick_sql(text), crm_sync._capture_reads(text), crm_sync._may_fire_sql(text) from public;
