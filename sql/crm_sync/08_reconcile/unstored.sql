-- Looks for changes that capture could not even store. Twice: when the tick hears of them, and once every transaction has
-- ended that may have made one without having committed it.

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
    update crm_sync.unstored_seen
    set value = v_value,
        -- The transaction may have begun long before its change was noted.
        changed_since = least(unstored_seen.changed_since, p_now - interval '1 hour'),
        horizon = pg_snapshot_xmax(pg_current_snapshot())
    where unstored_seen.value < v_value;
    if found then
        perform crm_sync.repair_missing(p_since => (select unstored_seen.changed_since from crm_sync.unstored_seen));
        return;
    end if;
    update crm_sync.unstored_seen set horizon = null where unstored_seen.horizon <= pg_snapshot_xmin(pg_current_snapshot());
    if found then
        perform crm_sync.repair_missing(p_since => (select unstored_seen.changed_since from crm_sync.unstored_seen));
        update crm_sync.unstored_seen set changed_since = null;
    end if;
end;
$$;

comment on function crm_sync._repair_unstored(timestamptz) is 'Repairs what is missing if a change could not be stored since the last look. Part of the tick.';

revoke all on function crm_sync._repair_unstored(timestamptz) from public;
