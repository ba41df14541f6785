-- Changes that are not to be sent: set local crm_sync.capture = 'off', for an operator's mass correction, and
-- set local crm_sync.origin = '<destination>', for what that receiver itself has written. They stand in the ledger as
-- cancelled: find_missing() misses nothing, trace() says why, and redeliver() sends them after all.
-- The part of a capture function that runs only while one of the two is set.

create function crm_sync._leave_out_sql(p_table_name text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return format(
        $sql$
        if tg_op = 'INSERT' then%2$s
        else%3$s
            if crm_sync._has_related_outside(%1$L, v_left_out) then
                %4$s
            end if;
        end if;
        perform crm_sync._note_left_out(%1$L, v_count);$sql$,
        p_table_name,
        crm_sync._insert_left_out_sql(p_table_name, 'INSERT'),
        crm_sync._insert_left_out_sql(p_table_name, 'UPDATE'),
        crm_sync._related_sql(p_table_name));
end;
$$;

create function crm_sync._insert_left_out_sql(p_table_name text, p_operation text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return crm_sync._insert_fired_sql(
        p_table_name, p_operation, 'status, last_error_code, finished_at',
        $sql$case when fired.destination = any (v_left_out) then 'cancelled' else 'pending' end,
               case when fired.destination = any (v_left_out) then
                   case current_setting('crm_sync.capture', true) when 'off' then 'capture_off' else 'from_origin' end end,
               case when fired.destination = any (v_left_out) then clock_timestamp() end$sql$);
end;
$$;

create function crm_sync._destinations_left_out()
returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_role   text := coalesce(nullif(current_setting('role'), 'none'), session_user);
    v_origin text := current_setting('crm_sync.origin', true);
begin
    if crm_sync._is_capture_off() then
        if crm_sync._may_leave_out(v_role) then
            perform set_config('crm_sync.capture', 'off', true);
            return array(select destinations.destination from crm_sync.destinations);
        end if;
        -- The application's write goes on, and so does capture; said once in a transaction.
        perform set_config('crm_sync.capture', 'refused', true);
        perform crm_sync._doubt('crm_sync.capture', 'CS028',
            format('%s may not switch capture off: changes are captured', v_role), 'grant crm_sync_operator to …');
    end if;
    if v_origin <> '' and not exists (select from crm_sync.destinations where destinations.destination = v_origin) then
        perform set_config('crm_sync.origin', '', true);
        perform crm_sync._doubt('crm_sync.origin', 'CS062', 'crm_sync.origin is none of the destinations: they are all told',
            (select 'One of: ' || string_agg(destinations.destination, ', ' order by destinations.destination) from crm_sync.destinations));
        return null;
    end if;
    return case when v_origin <> '' then array[v_origin] end;
end;
$$;

create function crm_sync._is_capture_off()
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_capture text := lower(trim(coalesce(current_setting('crm_sync.capture', true), '')));
begin
    -- As Postgres spells its own switches.
    if v_capture not in ('', 'on', 'true', 'yes', '1', 'off', 'false', 'no', '0', 'refused') then
        perform set_config('crm_sync.capture', '', true);
        perform crm_sync._doubt('crm_sync.capture', 'CS063', 'crm_sync.capture is neither off nor on: changes are captured',
            'set local crm_sync.capture = ''off'';');
    end if;
    return v_capture in ('off', 'false', 'no', '0');
end;
$$;

create function crm_sync._doubt(p_setting text, p_sql_state text, p_message text, p_hint text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform crm_sync._note_fault(p_setting, p_sql_state, p_message);
    raise warning '%', p_message using errcode = p_sql_state, hint = p_hint;
end;
$$;

create function crm_sync._may_leave_out(p_role text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return pg_has_role(p_role, 'crm_sync_operator', 'member')
        or pg_has_role(p_role, (select namespaces.nspowner from pg_catalog.pg_namespace as namespaces where namespaces.nspname = 'crm_sync'), 'member');
end;
$$;

create function crm_sync._has_related_outside(p_table_name text, p_destinations text[])
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (
        select from crm_sync.related_attachments as related
        join crm_sync.routes on routes.route = related.route
        where related.table_name = p_table_name and routes.destination <> all (p_destinations)
    );
end;
$$;

create function crm_sync._leave_out(p_delivery_ids bigint[], p_destinations text[], p_reason text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update crm_sync.deliveries
    set status = 'cancelled', last_error_code = p_reason, finished_at = clock_timestamp()
    where deliveries.delivery_id = any (p_delivery_ids) and deliveries.destination = any (p_destinations);
end;
$$;

create function crm_sync._note_left_out(p_table_name text, p_count int)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_line bigint := nullif(current_setting('crm_sync.capture_off_line', true), '')::bigint;
begin
    -- One line a transaction. What comes from an origin is told by the ledger alone: it comes all day.
    if current_setting('crm_sync.capture', true) is distinct from 'off' then
        return;
    end if;
    if current_setting('transaction_isolation') = 'serializable' then
        -- To find the transaction's line again would be a read: a line a statement.
        perform crm_sync._note_operation('capture_off', jsonb_build_object(p_table_name, coalesce(p_count, 0)), coalesce(p_count, 0));
        return;
    end if;
    if v_line is null then
        perform crm_sync._note_operation('capture_off', '{}', 0);
        v_line := currval(pg_get_serial_sequence('crm_sync.operations', 'operation_id'));
        perform set_config('crm_sync.capture_off_line', v_line::text, true);
    end if;
    update crm_sync.operations
    set affected_count = operations.affected_count + coalesce(p_count, 0),
        arguments = operations.arguments || jsonb_build_object(
            p_table_name, coalesce((operations.arguments ->> p_table_name)::int, 0) + coalesce(p_count, 0))
    where operations.operation_id = v_line;
end;
$$;

comment on function crm_sync._leave_out_sql(text) is 'The part of a capture function that runs while capture is off or an origin is set.';
comment on function crm_sync._insert_left_out_sql(text, text) is 'Its statement for an INSERT or an UPDATE: what would be sent, as cancelled.';
comment on function crm_sync._destinations_left_out() is
    'To whom this transaction''s changes are not sent: all while crm_sync.capture is off, the one that crm_sync.origin names; null: everything is sent. Who may not switch capture off, or misspells either, is warned once a transaction.';
comment on function crm_sync._is_capture_off() is 'Whether crm_sync.capture says off, in any spelling of a switch. Doubts CS063 what is none.';
comment on function crm_sync._doubt(text, text, text, text) is 'Warns the writer, and notes it in crm_sync.faults: what was meant to stay here is sent.';
comment on function crm_sync._may_leave_out(text) is 'Whether a role may switch capture off: members of crm_sync_operator, and the owner.';
comment on function crm_sync._has_related_outside(text, text[]) is 'Whether a change of this table is a change of rows that are sent to others than these.';
comment on function crm_sync._leave_out(bigint[], text[], text) is
    'The same for deliveries that the tick has just captured, as capture could not write them then; no others.';
comment on function crm_sync._note_left_out(text, int) is
    'Counts in the transaction''s line in crm_sync.operations what was left out while capture was off. Under serializable in a line a statement; of what the tick captures, its rows.';

revoke all on function crm_sync._leave_out_sql(text), crm_sync._insert_left_out_sql(text, text), crm_sync._destinations_left_out(),
    crm_sync._is_capture_off(), crm_sync._doubt(text, text, text, text), crm_sync._may_leave_out(text), crm_sync._has_related_outside(text, text[]),
    crm_sync._leave_out(bigint[], text[], text), crm_sync._note_left_out(text, int) from public;
