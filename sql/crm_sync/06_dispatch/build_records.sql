-- Builds the records of deliveries that are claimed for the first time. Each route and table has a block of its own:
-- a table that was changed under us holds up its own deliveries and no others.

create function crm_sync._build_records(p_delivery_ids bigint[])
returns table (delivery_id bigint, record jsonb, ordering_key text, is_gone boolean)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_group record;
begin
    for v_group in
        select deliveries.route, deliveries.table_name, deliveries.claimed_at is not null as is_frozen,
               array_agg(deliveries.delivery_id) as delivery_ids
        from crm_sync.deliveries
        where deliveries.delivery_id = any (p_delivery_ids)
        group by deliveries.route, deliveries.table_name, deliveries.claimed_at is not null
    loop
        if v_group.is_frozen then
            return query
                select deliveries.delivery_id, deliveries.record, deliveries.ordering_key, false
                from crm_sync.deliveries
                where deliveries.delivery_id = any (v_group.delivery_ids);
            continue;
        end if;
        begin
            perform crm_sync._require_in_place(v_group.table_name, v_group.route);
            return query
                select ids.delivery_id, built.record, built.ordering_key, built.delivery_id is null
                from unnest(v_group.delivery_ids) as ids (delivery_id)
                left join crm_sync._records(v_group.table_name, v_group.route, v_group.delivery_ids) as built
                  on built.delivery_id = ids.delivery_id;
        exception when others then
            -- One wait for a locked table is enough, at a commit as in the tick.
            if sqlstate = '55P03' then
                perform set_config('lock_timeout', '1ms', true);
            end if;
            perform crm_sync._note_fault('record of ' || v_group.route || ' from ' || v_group.table_name, sqlstate, sqlerrm);
        end;
    end loop;
end;
$$;

comment on function crm_sync._build_records(bigint[]) is
    'The record of each delivery, and the key of what it tells: the frozen one, or a new one read now. is_gone: its row no longer exists. None at all: it could not be built.';

revoke all on function crm_sync._build_records(bigint[]) from public;
