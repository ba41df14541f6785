-- A row is mended by changing it once its delivery is dead. Here for those that were mended a moment earlier, while the
-- delivery that was to go dead was still under way: nothing fires a route whose transition lies in the past. Looked for when
-- it goes dead, and for a day after: the transaction that mended the row may have ended later.

create function crm_sync._recapture_mended(p_delivery_ids bigint[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_dead record;
begin
    for v_dead in
        select deliveries.table_name, deliveries.row_id, deliveries.route, deliveries.record, attachments.watched
        from crm_sync.deliveries
        join crm_sync.attachments
          on attachments.table_name = deliveries.table_name and attachments.route = deliveries.route
        where deliveries.delivery_id = any (p_delivery_ids)
          and deliveries.status = 'dead'
          and deliveries.record is not null
          and attachments.transition <> 'true'
    loop
        perform crm_sync._recapture_if_changed(
            v_dead.table_name, v_dead.row_id, v_dead.route, crm_sync._pick(v_dead.record, v_dead.watched));
    end loop;
end;
$$;

create function crm_sync._look_for_mended(p_now timestamptz default clock_timestamp())
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform crm_sync._recapture_mended(array(
        select deliveries.delivery_id from crm_sync.deliveries
        where deliveries.status = 'dead' and deliveries.finished_at > p_now - interval '1 day'
    ));
end;
$$;

create function crm_sync._recapture_if_changed(p_table_name text, p_row_id text, p_route text, p_told jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_rows jsonb := crm_sync._rows(p_table_name, array[p_row_id]);
begin
    -- No row, no columns to compare, or the same values: nothing was mended. As text: a record may hold 42 as "42". The ledger
    -- is asked after the row was read: who has mended it since, and was captured, is seen.
    if v_rows -> 0 is not null and exists (
        select from jsonb_each_text(p_told) as told where v_rows -> 0 ->> told.key is distinct from told.value
    ) and crm_sync._last_is_dead(p_table_name, p_row_id, p_route) then
        perform crm_sync._recapture(p_table_name, 'UPDATE', '[]', v_rows, array[p_route]);
    end if;
exception when others then
    perform crm_sync._note_fault('mended row of ' || p_table_name, sqlstate, sqlerrm);
end;
$$;

create function crm_sync._pick(p_row jsonb, p_columns text[])
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_object_agg(fields.key, fields.value), '{}')
    from jsonb_each(p_row) as fields
    where fields.key = any (p_columns);
$$;

comment on function crm_sync._recapture_mended(bigint[]) is
    'Fires routes with a transition again for rows that no longer are as their dead delivery told them.';
comment on function crm_sync._look_for_mended(timestamptz) is
    'The same for what went dead within a day. Scheduled by start(), every ten minutes. Safe to repeat: what it fires is the row''s last delivery then.';
comment on function crm_sync._recapture_if_changed(text, text, text, jsonb) is
    'Fires a route for a row if one of these values has changed, its last delivery is dead, and its condition holds; never raises.';
comment on function crm_sync._pick(jsonb, text[]) is 'The fields of a record that are named in the list.';

revoke all on function crm_sync._recapture_mended(bigint[]), crm_sync._look_for_mended(timestamptz),
    crm_sync._recapture_if_changed(text, text, text, jsonb),
    crm_sync._pick(jsonb, text[]) from public;
