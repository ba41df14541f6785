-- Another table bears the name that one was attached by, and that one is still there: what waits to be read was written
-- to the other. It waits until reattach(), or attach(), and is read there before the name means the new table.

create function crm_sync._replaced_table(p_table_name text, p_route text)
returns regclass
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Behind a view of its name a table is read as ever. An event has its values.
    return (
        select attachments.attached_table
        from crm_sync.attachments
        join crm_sync.routes on routes.route = attachments.route and routes.kind = 'state'
        where attachments.table_name = p_table_name and attachments.route = p_route
          and attachments.attached_table <> to_regclass(p_table_name)
          and crm_sync._is_table(p_table_name)
          and exists (select from pg_catalog.pg_class as classes where classes.oid = attachments.attached_table)
    );
end;
$$;

create function crm_sync._require_in_place(p_table_name text, p_route text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_replaced regclass;
begin
    -- At each claim: mostly one look says that all is as it was.
    if not exists (
        select from crm_sync.attachments
        where attachments.table_name = p_table_name and attachments.route = p_route
          and attachments.attached_table <> to_regclass(p_table_name)
    ) then
        return;
    end if;
    v_replaced := crm_sync._replaced_table(p_table_name, p_route);
    if v_replaced is not null then
        raise exception '% was attached when % was called so', p_table_name, crm_sync._table_name(v_replaced)
            using errcode = 'CS051', hint = 'select crm_sync.reattach();';
    end if;
end;
$$;

create function crm_sync._take_place(p_table_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_attachment crm_sync.attachments;
begin
    for v_attachment in
        select * from crm_sync.attachments
        where attachments.table_name = p_table_name
          and attachments.attached_table is distinct from to_regclass(p_table_name)
    loop
        if crm_sync._replaced_table(p_table_name, v_attachment.route) is not null then
            perform crm_sync._read_waiting(v_attachment);
        end if;
    end loop;
    update crm_sync.attachments
    set attached_table = to_regclass(p_table_name)
    where attachments.table_name = p_table_name and attachments.attached_table is distinct from to_regclass(p_table_name);
end;
$$;

create function crm_sync._read_waiting(p_attachment crm_sync.attachments)
returns void
language plpgsql
-- As records are built.
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' set extra_float_digits = '1'
set bytea_output = 'hex' set intervalstyle = 'postgres' set row_security = 'off'
as $$
begin
    -- As a claim that sent nothing leaves it: in front of its key. What has no row there may have been moved to the table that
    -- bears the name now, and is read from that.
    execute format(
        $sql$
        update crm_sync.deliveries
        set record = built.record, ordering_key = built.ordering_key,
            claimed_at = $2, claimed_snapshot = pg_current_snapshot()
        from (%s) as built (delivery_id, record, ordering_key)
        where deliveries.delivery_id = built.delivery_id and deliveries.status = 'pending' and deliveries.claimed_at is null
        $sql$,
        crm_sync._record_sql(p_attachment, crm_sync._table_name(p_attachment.attached_table), '$1'))
    using array(
        select deliveries.delivery_id
        from crm_sync.deliveries
        where deliveries.table_name = p_attachment.table_name and deliveries.route = p_attachment.route
          and deliveries.status = 'pending' and deliveries.claimed_at is null
    ), clock_timestamp();
end;
$$;

comment on function crm_sync._replaced_table(text, text) is
    'The table that a state route was attached to by this name, where another bears the name now; null: none, or it is gone.';
comment on function crm_sync._require_in_place(text, text) is 'Raises CS051 where what waits was written to a table of another name by now: another''s row of the same id would be told.';
comment on function crm_sync._take_place(text) is 'What waits is read from the tables that bore the name until now; from now on the one that bears it counts.';
comment on function crm_sync._read_waiting(crm_sync.attachments) is 'Freezes the records of what waits for its first claim, read from the table that was attached.';

revoke all on function crm_sync._replaced_table(text, text), crm_sync._require_in_place(text, text), crm_sync._take_place(text),
    crm_sync._read_waiting(crm_sync.attachments) from public;
