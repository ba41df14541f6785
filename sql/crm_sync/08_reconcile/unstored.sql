-- Looks for changes that capture could not even store. Twice: when the tick hears of them, and once every transaction has
-- ended that may have made one without having committed it: those older than the next tick.

create function crm_sync._repair_unstored(p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_value bigint := (select last_value from crm_sync.unstored_changes where is_called);
begin
    if not exists (select from crm_sync.unstored_seen where unstored_seen.value < v_value or unstored_seen.horizon is not null) then
        return;
    end if;
    -- Of two repairs the second waits for the first (_repair_tables): a tick does not, and looks later.
    if not pg_try_advisory_xact_lock(1129467219, 1024) then
        return;
    end if;
    update crm_sync.unstored_seen
    set value = v_value,
        -- The transaction may have begun long before its change was noted.
        changed_since = least(unstored_seen.changed_since, p_now - interval '1 hour'),
        horizon = '0'
    where unstored_seen.value < v_value;
    if found then
        perform crm_sync._repair_quick_tables((select unstored_seen.changed_since from crm_sync.unstored_seen));
        return;
    end if;
    update crm_sync.unstored_seen set horizon = pg_current_xact_id() where unstored_seen.horizon = '0';
    update crm_sync.unstored_seen set horizon = null where unstored_seen.horizon <= pg_snapshot_xmin(pg_current_snapshot());
    if found then
        perform crm_sync._repair_quick_tables((select unstored_seen.changed_since from crm_sync.unstored_seen));
        update crm_sync.unstored_seen set changed_since = null;
    end if;
end;
$$;

create function crm_sync._repair_quick_tables(p_since timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_quick      text[] := array[]::text[];
    v_table_name text;
begin
    -- A search that outlasts statement_timeout would end this tick, and each one after it.
    for v_table_name in select distinct attachments.table_name from crm_sync.attachments order by 1 loop
        if crm_sync._is_quick_to_search(v_table_name) then
            v_quick := v_quick || v_table_name;
        elsif exists (select from crm_sync._change_times(to_regclass(v_table_name))) then
            perform crm_sync._note_fault('repair of ' || v_table_name, 'CS030', format(
                '%s is large and no index begins with its time of change: left to the nightly repair, or to a person', v_table_name));
        end if;
    end loop;
    perform crm_sync._repair_tables(v_quick, 100, p_since);
    perform crm_sync._note_undecided(v_quick, p_since);
end;
$$;

create function crm_sync._note_undecided(p_table_names text[], p_since timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_attachment crm_sync.attachments;
    v_count      bigint;
begin
    for v_attachment in select * from crm_sync.attachments where attachments.table_name = any (p_table_names) loop
        begin
            v_count := crm_sync._count_undecided(v_attachment, p_since);
            if v_count > 0 then
                perform crm_sync._note_fault(
                    format('repair of %s for %s', v_attachment.table_name, v_attachment.route), 'CS030', format(
                        '%s rows of %s changed while nothing could be stored, and may have fired %s before: left to a person, who sends them by backfill()',
                        v_count, v_attachment.table_name, v_attachment.route));
            end if;
        exception when others then
            perform crm_sync._note_fault('repair of ' || v_attachment.table_name, sqlstate, sqlerrm);
        end;
    end loop;
end;
$$;

comment on function crm_sync._repair_unstored(timestamptz) is 'Repairs what is missing if a change could not be stored since the last look. Part of the tick.';
comment on function crm_sync._repair_quick_tables(timestamptz) is 'The repair of the tables that can be searched at once; of the others a fault says that they were left.';
comment on function crm_sync._note_undecided(text[], timestamptz) is 'Says of which rows nobody can tell whether a change of theirs was lost.';

revoke all on function crm_sync._repair_unstored(timestamptz), crm_sync._repair_quick_tables(timestamptz),
    crm_sync._note_undecided(text[], timestamptz) from public;
