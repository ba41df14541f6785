-- Builds the records of deliveries that are claimed for the first time. Each route and table has a block of its own: a table
-- that was changed under us holds up its own deliveries and no others. And so does a row: where one's values are at fault the
-- others are read without it.

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
        else
            return query select * from crm_sync._read_records(v_group.table_name, v_group.route, v_group.delivery_ids);
        end if;
    end loop;
end;
$$;

create function crm_sync._read_records(p_table_name text, p_route text, p_delivery_ids bigint[], p_max_failures int default 100)
returns table (delivery_id bigint, record jsonb, ordering_key text, is_gone boolean)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_from     int[] := array[1];
    v_to       int[] := array[cardinality(p_delivery_ids)];
    v_failures int := 0;
    v_ids      bigint[];
    v_first    int;
    v_last     int;
begin
    -- What can not be read is taken in halves, the first ones first, until a row is alone; then, or after so many failures,
    -- it waits.
    while cardinality(v_from) > 0 loop
        v_first := v_from[cardinality(v_from)];
        v_last := v_to[cardinality(v_to)];
        v_from := trim_array(v_from, 1);
        v_to := trim_array(v_to, 1);
        v_ids := p_delivery_ids[v_first:v_last];
        begin
            perform crm_sync._require_in_place(p_table_name, p_route);
            return query
                select ids.delivery_id, built.record, built.ordering_key, built.delivery_id is null
                from unnest(v_ids) as ids (delivery_id)
                left join crm_sync._records(p_table_name, p_route, v_ids) as built on built.delivery_id = ids.delivery_id;
        exception when others then
            v_failures := v_failures + 1;
            if v_last > v_first and v_failures < p_max_failures and crm_sync._is_about_a_row(sqlstate) then
                v_from := v_from || (v_first + v_last) / 2 + 1 || v_first;
                v_to := v_to || v_last || (v_first + v_last) / 2;
            else
                -- One wait for a locked table is enough, at a commit as in the tick.
                if sqlstate = '55P03' then
                    perform set_config('lock_timeout', '1ms', true);
                end if;
                perform crm_sync._note_fault('record of ' || p_route || ' from ' || p_table_name, sqlstate, sqlerrm);
            end if;
        end;
    end loop;
end;
$$;

create function crm_sync._is_about_a_row(p_sql_state text)
returns boolean
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    -- Too many rows, a value that is none, one that is refused, and what a function of the application raises.
    select left(p_sql_state, 2) in ('21', '22', '23', 'P0')
$$;

comment on function crm_sync._build_records(bigint[]) is
    'The record of each delivery, and the key of what it tells: the frozen one, or a new one read now. is_gone: its row no longer exists. None at all: it could not be built.';
comment on function crm_sync._read_records(text, text, bigint[], int) is
    'The same for one table and route, read now. Where a row is at fault it alone is left out, unless more than so many readings fail.';
comment on function crm_sync._is_about_a_row(text) is 'Whether an error is about the values of a row, so that others may be read.';

revoke all on function crm_sync._build_records(bigint[]), crm_sync._read_records(text, text, bigint[], int),
    crm_sync._is_about_a_row(text) from public;
