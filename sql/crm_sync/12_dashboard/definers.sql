-- What the application's dashboard may ask for, with the owner's rights: the only functions of this schema that the data
-- API's roles may execute, and each first looks whether the caller is an administrator.

create function crm_sync.dashboard_deliveries(p_table text, p_row_id text, p_status text, p_before bigint, p_limit int)
returns table (
    delivery_id bigint, captured_at timestamptz, route text, destination text, table_name text, row_id text, status text,
    attempt_count int, next_attempt_at timestamptz, last_status int, last_error_code text, last_error text, finished_at timestamptz
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    -- Looked up once, not for each delivery.
    v_table_name text;
    v_row_id     text := p_row_id;
begin
    perform crm_sync._require_administrator();
    if p_table is not null then
        v_table_name := crm_sync._attached_table(p_table);
        v_row_id := crm_sync._row_id(v_table_name, p_row_id);
    end if;
    if p_status <> all (array['pending', 'in_flight', 'delivered', 'dead', 'superseded', 'cancelled']) then
        raise exception 'there is no status "%"', p_status
            using errcode = 'CS024', hint = 'pending, in_flight, delivered, dead, superseded, cancelled';
    end if;
    return query
    select deliveries.delivery_id, deliveries.captured_at, deliveries.route, deliveries.destination, deliveries.table_name,
           deliveries.row_id, deliveries.status, deliveries.attempt_count,
           case when deliveries.status = 'pending' then deliveries.next_attempt_at end,
           deliveries.last_status, deliveries.last_error_code, deliveries.last_error, deliveries.finished_at
    from crm_sync.deliveries
    where (p_table is null or deliveries.table_name = v_table_name)
      and (v_row_id is null or deliveries.row_id = v_row_id)
      and (p_status is null or deliveries.status = p_status)
      and (p_before is null or deliveries.delivery_id < p_before)
    order by deliveries.delivery_id desc
    limit least(greatest(p_limit, 1), 1000);
end;
$$;

create function crm_sync.dashboard_row_status(p_table text, p_row_id text)
returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform crm_sync._require_administrator();
    return crm_sync.row_status(crm_sync._attached_table(p_table)::regclass, p_row_id);
end;
$$;

create function crm_sync.dashboard_redeliver(p_delivery_ids bigint[], p_table text, p_row_id text, p_note text)
returns table (delivery_id bigint, redelivered boolean, status text, reason text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_ids        bigint[] := p_delivery_ids;
    v_table_name text;
    v_row_id     text;
begin
    perform crm_sync._require_administrator();
    if num_nulls(p_delivery_ids, p_table) <> 1 or num_nulls(p_table, p_row_id) = 1 then
        raise exception 'redeliver what?' using errcode = 'CS025', hint = 'Give p_delivery_ids, or p_table and p_row_id.';
    end if;
    if p_table is not null then
        v_table_name := crm_sync._attached_table(p_table);
        v_row_id := crm_sync._row_id(v_table_name, p_row_id);
        -- Of each route the newest: what is older has been told, or is no longer true.
        v_ids := array(
            select max(deliveries.delivery_id) from crm_sync.deliveries
            where deliveries.row_id = v_row_id and deliveries.table_name = v_table_name
            group by deliveries.route);
    end if;
    if v_ids = '{}' then
        return query select null::bigint, false, null::text, 'nothing was captured of this row';
        return;
    end if;
    for delivery_id, redelivered, reason in select results.* from crm_sync.redeliver(v_ids, false, p_note) as results loop
        status := (select deliveries.status from crm_sync.deliveries where deliveries.delivery_id = dashboard_redeliver.delivery_id);
        return next;
    end loop;
end;
$$;

create function crm_sync.dashboard_health()
returns table (check_name text, level text, detail text, mend text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform crm_sync._require_administrator();
    return query select * from crm_sync.health();
end;
$$;

comment on function crm_sync.dashboard_deliveries(text, text, text, bigint, int) is 'Behind public.crm_sync_deliveries(). Roles: authenticated, service_role.';
comment on function crm_sync.dashboard_row_status(text, text) is 'Behind public.crm_sync_row_status(). Roles: authenticated, service_role.';
comment on function crm_sync.dashboard_redeliver(bigint[], text, text, text) is 'Behind public.crm_sync_redeliver(). Roles: authenticated, service_role.';
comment on function crm_sync.dashboard_health() is 'Behind public.crm_sync_health(). Roles: authenticated, service_role.';

revoke all on function crm_sync.dashboard_deliveries(text, text, text, bigint, int), crm_sync.dashboard_row_status(text, text),
    crm_sync.dashboard_redeliver(bigint[], text, text, text), crm_sync.dashboard_health() from public;
