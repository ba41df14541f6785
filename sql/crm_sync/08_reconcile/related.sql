-- Captures what a change of one table means for rows of another (a customer's for their requests), after its commit: at first
-- sight and in the tick after that, for the rows visible then; and once every transaction that was running then has ended, for
-- rows that such a transaction wrote and dispatched while the change was still invisible to it. They are older than the second
-- tick, but not than what the first look's snapshot had seen end: that tick's own id is the horizon, and until all older ones
-- have ended nothing is looked at. The oldest first, and no more than a tick has time for.

create function crm_sync._capture_related(p_limit int default 1000, p_for interval default '0.5 seconds')
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_change record;
    v_count  int := 0;
    v_until  timestamptz := clock_timestamp() + p_for;
begin
    if not exists (select from crm_sync.related_changes) then
        return 0;
    end if;
    for v_change in
        with due as (
            select noted.*,
                   coalesce(case when noted.horizon = '0' then pg_current_xact_id() else noted.horizon end, '0') as next_horizon
            from crm_sync.related_changes as noted
            where coalesce(noted.horizon, '0') <= pg_snapshot_xmin(pg_current_snapshot())
            order by noted.related_change_id
            limit p_limit
            -- What an operator is erasing is left for a later tick: captured meanwhile it would be told after all.
            for update skip locked
        )
        select changes.table_name,
               changes.next_horizon,
               changes.next_horizon between '1' and pg_snapshot_xmin(pg_current_snapshot()) as is_last_look,
               array_agg(distinct changes.row_id) as row_ids,
               changes.changed_in,
               max(changes.changed_at) as changed_at,
               array_agg(changes.related_change_id) as ids
        from due as changes
        group by changes.table_name, changes.next_horizon, changes.changed_in
        order by min(changes.related_change_id)
    loop
        -- In a block each: one table that was changed under us holds up no other.
        begin
            v_count := v_count + crm_sync._capture_affected(
                v_change.table_name, v_change.row_ids, v_change.changed_in, v_change.changed_at);
            delete from crm_sync.related_changes as changes
            where v_change.is_last_look and changes.related_change_id = any (v_change.ids);
            update crm_sync.related_changes as changes set horizon = v_change.next_horizon
            where not v_change.is_last_look and changes.related_change_id = any (v_change.ids);
        exception when others then
            perform crm_sync._note_fault('changes of ' || v_change.table_name, sqlstate, sqlerrm);
            -- Behind all others, or a thousand such would be all that a tick looks at.
            update crm_sync.related_changes as changes set related_change_id = default
            where changes.related_change_id = any (v_change.ids);
        end;
        exit when clock_timestamp() >= v_until;
    end loop;
    return v_count;
end;
$$;

create function crm_sync._capture_affected(p_table_name text, p_row_ids text[], p_changed_in xid8, p_changed_at timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_route        text;
    v_target_table text;
    v_row_ids      text[];
    v_count        int := 0;
begin
    -- Detached since: it is a change of nobody's row any more.
    if not exists (select from crm_sync.related_attachments as related where related.table_name = p_table_name) then
        return 0;
    end if;
    for v_route, v_target_table, v_row_ids in execute format(
        'select affected.route, affected.target_table, array_agg(affected.row_id)
         from crm_sync.%I($1) as affected
         join crm_sync.attachments
           on attachments.table_name = affected.target_table and attachments.route = affected.route
         where (attachments.transition = ''true''
                or crm_sync._last_is_dead(affected.target_table, affected.row_id, affected.route))
           and not crm_sync._reads_change(affected.target_table, affected.row_id, affected.route, $2, $3)
         group by affected.route, affected.target_table',
        crm_sync._generated_name('related', p_table_name)
    ) using p_row_ids, p_changed_in, p_changed_at
    loop
        v_count := v_count + (
            select count(*)
            from crm_sync._recapture(
                v_target_table, 'UPDATE', '[]', crm_sync._rows(v_target_table, v_row_ids), array[v_route],
                p_captured_at => p_changed_at)
        );
    end loop;
    return v_count;
end;
$$;

create function crm_sync._reads_change(
    p_table_name text, p_row_id text, p_route text, p_changed_in xid8, p_changed_at timestamptz
)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Not yet read and not covered by one that was; or claimed with the change in sight. And not before it: a restored
    -- database counts its transactions anew.
    return (
        select exists (
            select from crm_sync.deliveries
            where deliveries.row_id = p_row_id
              and deliveries.table_name = p_table_name
              and deliveries.route = p_route
              -- Given up, or refused, since the change: it is not captured for it again.
              and ((deliveries.claimed_at is null and deliveries.covered_by is null
                    and (deliveries.status = 'pending'
                         or (deliveries.status in ('dead', 'cancelled') and deliveries.captured_at >= p_changed_at)))
                   or (pg_visible_in_snapshot(p_changed_in, deliveries.claimed_snapshot) and deliveries.claimed_at >= p_changed_at))
        )
    );
end;
$$;

comment on function crm_sync._capture_related(int, interval) is
    'Captures the effect of related changes, oldest first: of so many, and until so much time is over, of one transaction''s in any case; returns how many deliveries. Part of the tick.';
comment on function crm_sync._capture_affected(text, text[], xid8, timestamptz) is 'Captures the rows of other tables that these rows affect, unless a delivery will read them anyway.';
comment on function crm_sync._reads_change(text, text, text, xid8, timestamptz) is 'Whether a delivery of this row and route has still to read it, has read it with that transaction''s change, whatever became of it, or was given up since.';

revoke all on function crm_sync._capture_related(int, interval), crm_sync._capture_affected(text, text[], xid8, timestamptz),
    crm_sync._reads_change(text, text, text, xid8, timestamptz) from public;
