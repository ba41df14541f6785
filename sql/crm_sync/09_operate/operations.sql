-- Who did what, when, to how many: one line for each call of an operator's function; and what such calls ask for first.

create table crm_sync.operations (
    operation_id    bigint       generated always as identity primary key,
    operated_at     timestamptz  not null default clock_timestamp(),
    operator        text         not null default session_user,
    action          text         not null,
    arguments       jsonb        not null default '{}',
    affected_count  int          not null,
    note            text
);

alter table crm_sync.operations enable row level security;

create function crm_sync._note_operation(p_action text, p_arguments jsonb, p_affected_count int, p_note text default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into crm_sync.operations (operator, action, arguments, affected_count, note)
    values (
        -- Behind the data API every session is the same user: the token says for whom.
        concat_ws(' for ', session_user, nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'),
        p_action, jsonb_strip_nulls(p_arguments), p_affected_count, p_note);
end;
$$;

create function crm_sync._require_destination(p_destination text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from crm_sync.destinations where destinations.destination = p_destination) then
        raise exception 'crm-sync knows no destination "%"', p_destination
            using errcode = 'CS020',
                  hint = format('known destinations: %s',
                                (select string_agg(destination, ', ' order by destination) from crm_sync.destinations));
    end if;
end;
$$;

create function crm_sync._require_route(p_route text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from crm_sync.routes where routes.route = p_route) then
        raise exception 'crm-sync knows no route "%"', p_route
            using errcode = 'CS002',
                  hint = format('known routes: %s', (select string_agg(route, ', ' order by position) from crm_sync.routes));
    end if;
end;
$$;

create function crm_sync._require_attached(p_table regclass)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Looked up once, not for each delivery.
    v_table_name text := crm_sync._table_name(p_table);
begin
    if v_table_name not in (select * from crm_sync._attached_tables())
        and not exists (select from crm_sync.deliveries where deliveries.table_name = v_table_name)
        and not exists (select from crm_sync.capture_failures as failures where failures.table_name = v_table_name) then
        raise exception 'nothing is captured from %', p_table
            using errcode = 'CS023',
                  hint = format('attached tables: %s', array_to_string(array(select * from crm_sync._attached_tables()), ', '));
    end if;
end;
$$;

create function crm_sync._note_if_null(p_delivery_ids bigint[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_delivery_ids is null then
        raise notice 'null is no delivery: nothing is done'
            using errcode = 'CS060', hint = 'A query that finds no row gives null: does it find what was meant?';
    end if;
end;
$$;

create function crm_sync._note_only_counted()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise notice 'this was only counted' using errcode = 'CS061', hint = 'To do it: p_count_only => false';
end;
$$;

create function crm_sync._required_row_id(p_table regclass, p_row_id text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform crm_sync._require_attached(p_table);
    return crm_sync._row_id(crm_sync._table_name(p_table), p_row_id);
end;
$$;

comment on table crm_sync.operations is 'Every call of an operator''s function: who, when, what, how many rows, and why.';
comment on function crm_sync._note_operation(text, jsonb, int, text) is 'Writes the line of a call.';
comment on function crm_sync._require_destination(text) is 'Raises CS020 unless the destination is known.';
comment on function crm_sync._require_route(text) is 'Raises CS002 unless the route is known.';
comment on function crm_sync._require_attached(regclass) is 'Raises CS023 unless something is, or was, captured from the table.';
comment on function crm_sync._note_if_null(bigint[]) is 'Says so (CS060) where an operator''s call names no deliveries but null.';
comment on function crm_sync._note_only_counted() is 'Says so (CS061) where an operator''s call has counted and done nothing.';
comment on function crm_sync._required_row_id(regclass, text) is
    'A row''s id as the ledger spells it. Raises CS023 unless something is, or was, captured from the table, CS056 where its key can not be that.';

grant select on crm_sync.operations to crm_sync_reader, crm_sync_operator;

create policy readers_see_operations on crm_sync.operations
    for select to crm_sync_reader, crm_sync_operator using (true);

revoke all on function crm_sync._note_operation(text, jsonb, int, text), crm_sync._require_destination(text),
    crm_sync._require_route(text), crm_sync._require_attached(regclass), crm_sync._required_row_id(regclass, text),
    crm_sync._note_if_null(bigint[]), crm_sync._note_only_counted() from public;
