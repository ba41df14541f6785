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
            if cardinality(v_group.delivery_ids) > 1 and crm_sync._is_about_a_row(sqlstate) then
                return query select * from crm_sync._read_in_parts(v_group.table_name, v_group.route, v_group.delivery_ids);
            else
                perform crm_sync._note_unread(v_group.table_name, v_group.route, sqlstate, sqlerrm);
            end if;
        end;
    end loop;
end;
$$;

create function crm_sync._read_in_parts(p_table_name text, p_route text, p_delivery_ids bigint[], p_max_failures int default 100)
returns table (delivery_id bigint, record jsonb, ordering_key text, is_gone boolean)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_middle   int := cardinality(p_delivery_ids) / 2;
    -- Parts still to be read, as first and last places; the next one is the last of the list.
    v_first    int[] := array[v_middle + 1, 1];
    v_last     int[] := array[cardinality(p_delivery_ids), v_middle];
    v_from     int;
    v_to       int;
    v_failures int := 0;
begin
    -- In halves until a row is alone, which waits; so does the rest after so many failures.
    while cardinality(v_first) > 0 loop
        v_from := v_first[cardinality(v_first)];
        v_to := v_last[cardinality(v_last)];
        v_first := trim_array(v_first, 1);
        v_last := trim_array(v_last, 1);
        begin
            return query
                select ids.delivery_id, built.record, built.ordering_key, built.delivery_id is null
                from unnest(p_delivery_ids[v_from:v_to]) as ids (delivery_id)
                left join crm_sync._records(p_table_name, p_route, p_delivery_ids[v_from:v_to]) as built
                  on built.delivery_id = ids.delivery_id;
        exception when others then
            v_failures := v_failures + 1;
            if v_to > v_from and v_failures < p_max_failures and crm_sync._is_about_a_row(sqlstate) then
                v_middle := (v_from + v_to) / 2;
                v_first := v_first || (v_middle + 1) || v_from;
                v_last := v_last || v_to || v_middle;
            else
                perform crm_sync._note_unread(p_table_name, p_route, sqlstate, sqlerrm);
            end if;
        end;
    end loop;
end;
$$;

create function crm_sync._note_unread(p_table_name text, p_route text, p_sql_state text, p_message text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- One wait for a locked table is enough, at a commit as in the tick.
    if p_sql_state = '55P03' then
        perform set_config('lock_timeout', '1ms', true);
    end if;
    perform crm_sync._note_fault('record of ' || p_route || ' from ' || p_table_name, p_sql_state, p_message);
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
comment on function crm_sync._read_in_parts(text, text, bigint[], int) is
    'The same for a table and route where a row is at fault: it alone is left out, unless more than so many readings fail.';
comment on function crm_sync._note_unread(text, text, text, text) is 'Notes why records could not be read.';
comment on function crm_sync._is_about_a_row(text) is 'Whether an error is about the values of a row, so that others may be read.';

revoke all on function crm_sync._build_records(bigint[]), crm_sync._read_in_parts(text, text, bigint[], int),
    crm_sync._note_unread(text, text, text, text), crm_sync._is_about_a_row(text) from public;
