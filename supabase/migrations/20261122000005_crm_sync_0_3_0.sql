-- Generated from sql/crm_sync/ by npm run migrations: from 0.2.0 to 0.3.0. Change the source, not this file.

-- Until this has ended every tick finds the row locked, and ends at once; one that runs is waited for.
select from crm_sync.settings for update;

-- Which table bears an attached name is known from now on. The migration ends with a reattach(), which notes it.
-- instead of: create table crm_sync.attachments (
alter table crm_sync.attachments add column if not exists attached_table regclass;

-- Evidence before exhaustion goes by the route: an endpoint that is out for days says nothing of what it was to take.
-- instead of: create table crm_sync.routes (
alter table crm_sync.routes add column if not exists last_delivered_at timestamptz;

-- Whoever raised max_envelope_bytes alone was told that limits are positive.
-- instead of: create table crm_sync.settings (
alter table crm_sync.settings
    drop constraint if exists limits_are_positive,
    drop constraint if exists a_delivery_may_fill_an_envelope,
    add constraint limits_are_positive check (
        max_requests_in_flight > 0
        and max_deliveries_at_once > 0
        and max_envelope_deliveries between 1 and 1000
        and max_envelope_bytes > 0
        and max_posts_per_session >= 0
    ),
    add constraint a_delivery_may_fill_an_envelope check (max_delivery_bytes >= max_envelope_bytes);

-- What our own code could not do is no secret: health() tells it, and sends its readers to it.
drop policy if exists faults_are_for_the_owner_alone on crm_sync.faults;

-- A tick looks at no more corrections than it has time for: the function takes a number and a time.
drop function if exists crm_sync._capture_related();

-- Done by hand, SHA-256 e1a9b290fbd58eacd02b5b5d0e6b1718b5970de561f886c83926f94daf28100e: create table crm_sync.settings (

-- Done by hand, SHA-256 7dcf3240eaef37539456b472a510155a23982cca3580c7fbbe7b649c15ffdb5a: create table crm_sync.routes (

-- Done by hand, SHA-256 21fa9efa036a6848b170c2b3c57017ccbaddd6ec80e4883e17e0300b48f301ee: create table crm_sync.attachments (

-- sql/crm_sync/01_setup/version.sql

-- Which release this is: package.json has the same, and a check compares them.

create or replace function crm_sync.version()
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select '0.3.0'
$$;

comment on function crm_sync.version() is 'The installed release of crm-sync. Roles: crm_sync_reader, crm_sync_operator.';

grant execute on function crm_sync.version() to crm_sync_reader, crm_sync_operator;

-- sql/crm_sync/02_settings/settings.sql

comment on column crm_sync.settings.max_envelope_bytes is
    'Bytes of one request body. pg_net 0.20.4 never finishes a body above 65,536 bytes (mended in 0.20.5): raise this only on a newer pg_net, and max_delivery_bytes with it.';

-- sql/crm_sync/03_routes/destinations.sql

comment on column crm_sync.destinations.last_delivered_at is
    'Newest delivery it took: of several that wait, the one that waited longest comes first.';

-- sql/crm_sync/03_routes/routes.sql

comment on column crm_sync.routes.last_delivered_at is
    'Newest delivery of it that was taken: the evidence without which exhausted attempts do not make a delivery dead.';

-- sql/crm_sync/03_routes/routes_of_tables.sql

comment on column crm_sync.attachments.attached_table is
    'The table that bore the name at the last attach() or reattach(), whatever it is called now; null: not known. A dump holds its name, not its oid.';

-- sql/crm_sync/04_ledger/capture_failures.sql

create or replace function crm_sync._capture_failed(
    p_table_name text, p_operation text, p_old_rows jsonb, p_new_rows jsonb, p_row_ids text[],
    p_sql_state text, p_message text, p_left_out text[], p_table_oid oid
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '20ms'
as $$
begin
    insert into crm_sync.capture_failures (
        table_name, operation, row_ids, old_rows, new_rows, sql_state, detail, left_out, left_out_as, table_oid
    )
    values (
        p_table_name, p_operation, p_row_ids, coalesce(p_old_rows, '[]'), coalesce(p_new_rows, '[]'),
        p_sql_state, crm_sync._harmless_message(p_sql_state, p_message), p_left_out,
        case
            when p_left_out is null then null
            -- As the transaction spells it: what capture made of that is rolled back here.
            when crm_sync._is_capture_off() then 'capture_off'
            else 'from_origin'
        end,
        p_table_oid
    );
exception when others then
    perform nextval('crm_sync.unstored_changes');
    raise log 'crm-sync: rows of % missed by capture (SQLSTATE %) and not stored (SQLSTATE %)', p_table_name, p_sql_state, sqlstate;
end;
$$;

comment on table crm_sync.capture_failures is
    'Changes that capture could not write, or left to the tick under serializable; the tick captures them as soon as it can. Holds personal data until then.';

-- sql/crm_sync/04_ledger/faults.sql

create or replace function crm_sync._note_fault(p_place text, p_sql_state text, p_message text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '20ms'
as $$
begin
    insert into crm_sync.faults (place, sql_state, detail)
    select p_place, p_sql_state, crm_sync._harmless_message(p_sql_state, p_message)
    -- Under serializable whoever looks here fails another's commit.
    where current_setting('transaction_isolation') = 'serializable' or not exists (
        select from crm_sync.faults as known
        where known.place = p_place
          and known.noticed_at > clock_timestamp() - interval '1 minute'
          and known.sql_state = p_sql_state
    );
exception when others then
    raise log 'crm-sync: fault in % (SQLSTATE %) could not be stored (SQLSTATE %)', p_place, p_sql_state, sqlstate;
end;
$$;

comment on function crm_sync._note_fault(text, text, text) is 'Stores a caught error, never raises; at most one row a minute for each place and SQLSTATE, but under serializable.';

grant select on crm_sync.faults to crm_sync_reader, crm_sync_operator;

create policy readers_see_faults on crm_sync.faults
    for select to crm_sync_reader, crm_sync_operator using (true);

-- sql/crm_sync/04_ledger/related_changes.sql

comment on column crm_sync.related_changes.horizon is
    '0 from the first look to the second, then the id of that tick. Transactions older than this may have read the row before its change; not looked at again until all have ended.';

-- sql/crm_sync/05_capture/attach.sql

-- attach(), attach_related(): put capture on a table, for its own rows' sake or for others'.
-- Lock order: _one_at_a_time(), attachments, the table: share row exclusive while its triggers are made, access exclusive
-- while they are dropped; asked for five times, 0.6 s each.

create or replace function crm_sync.attach(
    p_table        regclass,
    p_route        text,
    p_watched      text[],
    p_ordering_key text,
    p_condition    text default 'true',
    p_transition   text default 'true',
    p_columns      text[] default null,
    p_joined       text default null
)
returns crm_sync.attachments
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_columns    text[] := coalesce(
        p_columns,
        (select array_agg(keys.column_name) from crm_sync._primary_key(p_table) as keys
         where keys.column_name <> all (p_watched)) || p_watched,
        p_watched);
    v_attachment crm_sync.attachments;
begin
    perform crm_sync._one_at_a_time();
    perform crm_sync._require_attachable(p_table, p_watched, v_columns);
    perform crm_sync._require_route(p_route);
    perform crm_sync._warn_of_parts(p_table, 'Other rows find_missing() finds, by updated_at or created_at, and repair_missing() sends.');
    perform crm_sync._follow_if_renamed(p_table);
    perform crm_sync._take_place(crm_sync._table_name(p_table));
    insert into crm_sync.attachments (
        table_name, route, watched, columns, ordering_key, condition, transition, joined, attached_table
    )
    values (
        crm_sync._table_name(p_table), p_route, p_watched, v_columns, p_ordering_key, p_condition, p_transition, p_joined, p_table
    )
    on conflict (table_name, route) do update
    set watched = excluded.watched, columns = excluded.columns, ordering_key = excluded.ordering_key,
        condition = excluded.condition, transition = excluded.transition, joined = excluded.joined
    returning * into v_attachment;
    perform crm_sync._reattach_table(v_attachment.table_name);
    perform crm_sync._require_evaluable(v_attachment.table_name);
    return v_attachment;
end;
$$;

-- sql/crm_sync/05_capture/capture_triggers.sql

revoke all on function crm_sync._capture_triggers(), crm_sync._strange_triggers(text),
    crm_sync._drop_strange_triggers(text), crm_sync._drop_generated(text, text[]) from public;

-- sql/crm_sync/05_capture/catalog.sql

create or replace function crm_sync._changed_sql(p_table regclass, p_columns text[])
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- json, xml, point and their like have no equality that `is distinct from` can use, and an extension's, as hstore's, is
    -- out of the search_path: compared as text. So are intervals: a month is equal to thirty days. And byte by byte what its
    -- collation takes for the same, as 'ada' for 'Ada'.
    select string_agg(
        case when not collations.collisdeterministic
            then format('old.%1$I::text collate "C" is distinct from new.%1$I::text collate "C"', attributes.attname)
            when exists (
                select from pg_catalog.pg_opclass as classes
                where classes.opcdefault
                  and classes.opcmethod = (select am.oid from pg_catalog.pg_am as am where am.amname = 'btree')
                  and (classes.opcintype = types.oid or types.typbasetype = classes.opcintype)
                  and exists (
                      select from pg_catalog.pg_amop as members
                      join pg_catalog.pg_operator as operators on operators.oid = members.amopopr
                      where members.amopfamily = classes.opcfamily
                        and members.amoplefttype = classes.opcintype and members.amoprighttype = classes.opcintype
                        and operators.oprname = '=' and operators.oprnamespace = 'pg_catalog'::regnamespace
                  )
            ) and 'interval'::regtype not in (types.oid, types.typbasetype) or types.typtype in ('e', 'r', 'm') or types.typname in ('varchar', 'cidr')
            then format('old.%1$I is distinct from new.%1$I', attributes.attname)
            else format('old.%1$I::text is distinct from new.%1$I::text', attributes.attname)
        end, ' or ' order by array_position(p_columns, attributes.attname::text))
    from pg_catalog.pg_attribute as attributes
    join pg_catalog.pg_type as types on types.oid = attributes.atttypid
    left join pg_catalog.pg_collation as collations on collations.oid = attributes.attcollation
    where attributes.attrelid = p_table
      and attributes.attname = any (p_columns)
      and not attributes.attisdropped;
$$;

revoke all on function crm_sync._table_name(regclass), crm_sync._is_table(text), crm_sync._primary_key(regclass),
    crm_sync._row_id_sql(regclass, text), crm_sync._row_matches_sql(regclass, text, text),
    crm_sync._same_row_sql(regclass), crm_sync._changed_sql(regclass, text[]) from public;

-- sql/crm_sync/05_capture/change_times.sql

-- When a row changed and when it was made, as far as its table tells: for find_missing(), backfill() and what searches by them.

create or replace function crm_sync._time_columns(p_table regclass)
returns table (column_name text, is_always_there boolean)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select attributes.attname::text, attributes.attnotnull
    from pg_catalog.pg_attribute as attributes
    where attributes.attrelid = p_table
      and attributes.attname in ('updated_at', 'created_at')
      and attributes.atttypid in ('timestamptz'::regtype, 'timestamp'::regtype)
      and not attributes.attisdropped;
end;
$$;

create or replace function crm_sync._change_times(p_table regclass)
returns table (column_name text, counts_if text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A row that was never updated was changed when it was created. Two plain columns, not one coalesce(): indexes serve.
    return query
    select times.column_name,
           case when times.column_name = 'created_at' and updated.column_name is not null then 'new.updated_at is null' else 'true' end
    from crm_sync._time_columns(p_table) as times
    left join crm_sync._time_columns(p_table) as updated on updated.column_name = 'updated_at'
    where times.column_name = 'updated_at' or updated.is_always_there is not true;
end;
$$;

create or replace function crm_sync._knows_birth(p_table regclass)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (select from crm_sync._time_columns(p_table) as times where times.column_name = 'created_at');
end;
$$;

comment on function crm_sync._time_columns(regclass) is 'updated_at and created_at, where the table has them and they are times.';

revoke all on function crm_sync._time_columns(regclass), crm_sync._change_times(regclass), crm_sync._required_change_times(regclass),
    crm_sync._knows_birth(regclass), crm_sync._is_quick_to_search(text) from public;

-- sql/crm_sync/05_capture/detach.sql

-- The inverse of attach(): triggers, generated functions and attachments of a table go; its deliveries stay, and what reads
-- their records. forget() does the same where no table bears the name any more.

create or replace function crm_sync.detach(p_table regclass, p_route text default null)
returns setof crm_sync.attachments
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform crm_sync._one_at_a_time();
    if p_route is not null then
        perform crm_sync._require_route(p_route);
    end if;
    perform crm_sync._follow_if_renamed(p_table);
    perform crm_sync._note_if_not_attached(crm_sync._table_name(p_table), p_route);
    return query select * from crm_sync._detach(crm_sync._table_name(p_table), p_route);
end;
$$;

create or replace function crm_sync._note_if_not_attached(p_table_name text, p_route text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (
        select from (
            select attachments.table_name, attachments.route from crm_sync.attachments
            union all
            select related.table_name, related.route from crm_sync.related_attachments as related
        ) as attached
        where attached.table_name = p_table_name and attached.route = coalesce(p_route, attached.route)
    ) then
        return;
    end if;
    raise notice '% attached to %', coalesce('route ' || p_route || ' is not', 'nothing is'), p_table_name
        using errcode = 'CS058', hint = 'What is attached: crm_sync.attachments, crm_sync.related_attachments.';
end;
$$;

comment on function crm_sync.detach(regclass, text) is
    'Takes capture off a table, of one route or of all; returns what was attached. Deliveries already captured are still delivered; of what capture could not write (capture_failures) health() asks what shall become. Safe to repeat: where nothing was attached a notice (CS058) says so. Role: owner of the table. Errors: CS002 unknown route, 55P03 the tables that lose a trigger could not be locked within 5 s.';

comment on function crm_sync._note_if_not_attached(text, text) is 'Says so (CS058) where the route, or any, is not attached to the table.';

revoke all on function crm_sync.detach(regclass, text), crm_sync.forget(text), crm_sync._give_up_unread(text), crm_sync._unreadable(text),
    crm_sync._note_if_not_attached(text, text), crm_sync._detach(text, text),
    crm_sync._drop_idle(text), crm_sync._idle_triggers(text), crm_sync._generated_functions(text) from public;

-- sql/crm_sync/05_capture/function_capture.sql

-- The text of a table's capture function. It runs inside the application's statement: one exception block around
-- everything (no DECLARE initialisers, they escape it), locks waited for 200 ms at most in a transaction, inserts only.
-- Definer, because the application's roles have no rights in crm_sync.

create or replace function crm_sync._capture_function_sql(p_table_name text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return format(
        $sql$
create or replace function crm_sync.%I()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '200ms' set plan_cache_mode = 'force_generic_plan'
%s
as %L;
$sql$,
        crm_sync._generated_name('capture', p_table_name),
        crm_sync._pins_sql(),
        format(
            $body$
#variable_conflict use_column
declare
    v_count      int;
    v_dispatched text;
    v_left_out   text[];
begin
    if current_setting('crm_sync.has_waited', true) = 'yes' then
        perform set_config('lock_timeout', '1ms', true);
    end if;
    if current_setting('crm_sync.capture', true) <> '' or current_setting('crm_sync.origin', true) <> '' then
        v_left_out := crm_sync._destinations_left_out();
    end if;
    if tg_table_name <> %6$L or tg_table_schema <> %7$L then
        perform crm_sync._refuse_former_name(%8$L, tg_relid);
    end if;%9$s
    if v_left_out is not null then%5$s
        return null;
    end if;
    if tg_op = 'INSERT' then%1$s
    else%2$s%3$s
    end if;
    if v_count > 0 then
        v_dispatched := set_config('crm_sync.dispatched', '', true);
    end if;
    return null;
exception when others then
%4$s    return null;
end;
$body$,
            crm_sync._insert_deliveries_sql(p_table_name, 'INSERT'),
            crm_sync._insert_deliveries_sql(p_table_name, 'UPDATE'),
            coalesce(crm_sync._related_sql(p_table_name), ''),
            crm_sync._capture_handler_sql(p_table_name),
            crm_sync._leave_out_sql(p_table_name),
            (parse_ident(p_table_name))[2], (parse_ident(p_table_name))[1], p_table_name,
            crm_sync._leave_to_tick_sql(p_table_name)));
end;
$$;

create or replace function crm_sync._capture_handler_sql(p_table_name text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return format(
        $sql$    begin
        if sqlstate = '55P03' then
            perform set_config('crm_sync.has_waited', 'yes', true);
        end if;
%s    exception when others then
        begin
            perform nextval('crm_sync.unstored_changes');
        exception when others then
            null;
        end;
        raise log 'crm-sync: a change of %% was missed by capture (SQLSTATE %%)', %L, sqlstate;
    end;
$sql$,
        crm_sync._store_changes_sql(p_table_name, 'sqlstate', 'sqlerrm'), p_table_name);
end;
$$;

create or replace function crm_sync._store_changes_sql(
    p_table_name text, p_sql_state text, p_message text, p_inserted_if text default 'true', p_updated_if text default 'true'
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- to_jsonb works whatever has happened to the columns; the whole row, because conditions may use any of it.
    return format(
        $sql$        if tg_op = 'INSERT' then
            perform crm_sync._capture_failed(
                case %3$s when 'CS051' then crm_sync._table_name(tg_relid) else %1$L end, tg_op,
                null,
                (select jsonb_agg(to_jsonb(new)) from new_rows as new),
                (select array_agg(%2$s) from new_rows as new),
                %3$s, %4$s, v_left_out, tg_relid)
            where %5$s;
        else
            perform crm_sync._capture_failed(
                case %3$s when 'CS051' then crm_sync._table_name(tg_relid) else %1$L end, tg_op,
                (select jsonb_agg(to_jsonb(old)) from old_rows as old),
                (select jsonb_agg(to_jsonb(new)) from new_rows as new),
                (select array_agg(%2$s) from new_rows as new),
                %3$s, %4$s, v_left_out, tg_relid)
            where %6$s;
        end if;
$sql$,
        p_table_name, crm_sync._row_id_sql(p_table_name::regclass, 'new'), p_sql_state, p_message, p_inserted_if, p_updated_if);
end;
$$;

comment on function crm_sync._store_changes_sql(text, text, text, text, text) is
    'Its statement, and that for serializable: stores the changes for the tick, for a reason given as SQL, if conditions given as SQL hold.';

revoke all on function crm_sync._capture_function_sql(text), crm_sync._insert_deliveries_sql(text, text),
    crm_sync._insert_fired_sql(text, text, text, text), crm_sync._capture_handler_sql(text),
    crm_sync._store_changes_sql(text, text, text, text, text) from public;

-- sql/crm_sync/05_capture/function_record.sql

-- The text of the function that builds a route's records, called at the first claim.
-- State route: from the row as it now is, with the ordering key that it now has; no row, no record. Event route: from the
-- row as captured; unless it takes something from other tables it asks no table at all, and outlives its own.

create or replace function crm_sync._record_function_sql(p_attachment crm_sync.attachments)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return format(
        $sql$
create or replace function crm_sync.%I(p_delivery_ids bigint[])
returns table (delivery_id bigint, record jsonb, ordering_key text)
language plpgsql
set search_path = pg_catalog, pg_temp set row_security = 'off'
%s
as %L;
$sql$,
        crm_sync._generated_name('record', p_attachment.table_name, p_attachment.route),
        crm_sync._pins_sql(),
        format(
            $body$
#variable_conflict use_column
begin
    return query
    %s;
end;
$body$,
            crm_sync._record_sql(p_attachment, p_attachment.table_name, 'p_delivery_ids')));
end;
$$;

create or replace function crm_sync._record_sql(p_attachment crm_sync.attachments, p_table_name text, p_ids text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_joined text := coalesce(e'\n           || coalesce(' || p_attachment.joined || ', ''{}'')', '');
    v_record text := 'deliveries.record';
    v_key    text := 'deliveries.ordering_key';
    v_source text := case when p_attachment.joined is null then '' else
        'cross join lateral ' || crm_sync._row_of_record_sql(p_table_name) end;
begin
    if (select kind from crm_sync.routes where routes.route = p_attachment.route) = 'state' then
        v_record := format('(select to_jsonb(picked) from (select %s) as picked)',
                           crm_sync._columns_sql(p_attachment.columns, 'this'));
        v_source := format('join %s as this on %s', p_table_name,
                           crm_sync._row_matches_sql(p_table_name::regclass, 'this', 'deliveries.row_id'));
        v_key := format('(select (%s)::text from (select this.*) as new)', p_attachment.ordering_key);
    end if;
    return format(
        $sql$select deliveries.delivery_id,
           %1$s%2$s,
           %3$s
    from crm_sync.deliveries
    %4$s
    where deliveries.delivery_id = any (%5$s)$sql$,
        v_record, v_joined, v_key, v_source, p_ids);
end;
$$;

create or replace function crm_sync._row_of_record_sql(p_table_name text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_columns text;
begin
    -- A domain that is never null refuses the nulls of what the record does not have: its base type takes them.
    with recursive types as (
        select attributes.attnum, attributes.attname, attributes.atttypid as type, attributes.atttypmod as modifier, false as is_never_null
        from pg_catalog.pg_attribute as attributes
        where attributes.attrelid = p_table_name::regclass and attributes.attnum > 0 and not attributes.attisdropped
        union all
        select types.attnum, types.attname, domains.typbasetype, domains.typtypmod, types.is_never_null or domains.typnotnull
        from types
        join pg_catalog.pg_type as domains on domains.oid = types.type and domains.typtype = 'd'
    ),
    base_types as (
        select distinct on (types.attnum) types.*, bool_or(types.is_never_null) over () as has_one
        from types
        left join pg_catalog.pg_type as kinds on kinds.oid = types.type
        order by types.attnum, kinds.typtype = 'd'
    )
    select string_agg(format('%I %s', base_types.attname, format_type(base_types.type, base_types.modifier)), ', ' order by base_types.attnum)
    into v_columns
    from base_types
    where base_types.has_one;
    return case
        when v_columns is null then format('jsonb_populate_record(null::%s, deliveries.record) as this', p_table_name)
        else format('jsonb_to_record(deliveries.record) as this (%s)', v_columns)
    end;
end;
$$;

comment on function crm_sync._record_sql(crm_sync.attachments, text, text) is
    'SQL query: the records of deliveries, and the keys of what they tell, from the table of this name.';

comment on function crm_sync._row_of_record_sql(text) is 'SQL from item "this": an event''s row again, as far as its record has it.';

revoke all on function crm_sync._record_function_sql(crm_sync.attachments), crm_sync._record_sql(crm_sync.attachments, text, text),
    crm_sync._row_of_record_sql(text), crm_sync._records_function_sql() from public;

-- sql/crm_sync/05_capture/function_related.sql

-- The text of the function that finds which rows of other tables a changed row affects.

create or replace function crm_sync._related_function_sql(p_table_name text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select format(
        $sql$
create or replace function crm_sync.%I(p_row_ids text[])
returns table (route text, target_table text, row_id text)
language plpgsql
set search_path = pg_catalog, pg_temp set row_security = 'off'
%s
as %L;
$sql$,
        crm_sync._generated_name('related', p_table_name),
        crm_sync._pins_sql(),
        format(
            $body$
#variable_conflict use_column
begin
    return query
%s;
end;
$body$,
            string_agg(format(
            $sql$    select distinct %L, %L, affected.row_id
    from unnest(p_row_ids) as changed (row_id)
    join %s as new on %s
    cross join lateral (%s) as affected (row_id)$sql$,
            related.route, related.target_table, p_table_name,
            crm_sync._row_matches_sql(p_table_name::regclass, 'new', 'changed.row_id'), related.affected
        ), e'\n    union all\n')))
    from crm_sync.related_attachments as related
    where related.table_name = p_table_name
    having count(*) > 0;
$$;

-- sql/crm_sync/05_capture/left_out.sql

create or replace function crm_sync._destinations_left_out()
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

create or replace function crm_sync._is_capture_off()
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

create or replace function crm_sync._doubt(p_setting text, p_sql_state text, p_message text, p_hint text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform crm_sync._note_fault(p_setting, p_sql_state, p_message);
    raise warning '%', p_message using errcode = p_sql_state, hint = p_hint;
end;
$$;

create or replace function crm_sync._note_left_out(p_table_name text, p_count int)
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

comment on function crm_sync._destinations_left_out() is
    'To whom this transaction''s changes are not sent: all while crm_sync.capture is off, the one that crm_sync.origin names; null: everything is sent. Who may not switch capture off, or misspells either, is warned once a transaction.';

comment on function crm_sync._is_capture_off() is 'Whether crm_sync.capture says off, in any spelling of a switch. Doubts CS063 what is none.';

comment on function crm_sync._doubt(text, text, text, text) is 'Warns the writer, and notes it in crm_sync.faults: what was meant to stay here is sent.';

comment on function crm_sync._note_left_out(text, int) is
    'Counts in the transaction''s line in crm_sync.operations what was left out while capture was off. Under serializable in a line a statement; of what the tick captures, its rows.';

revoke all on function crm_sync._leave_out_sql(text), crm_sync._insert_left_out_sql(text, text), crm_sync._destinations_left_out(),
    crm_sync._is_capture_off(), crm_sync._doubt(text, text, text, text), crm_sync._may_leave_out(text), crm_sync._has_related_outside(text, text[]),
    crm_sync._leave_out(bigint[], text[], text), crm_sync._note_left_out(text, int) from public;

-- sql/crm_sync/05_capture/reattach.sql

create or replace function crm_sync._reattach_table(p_table_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '3s'
as $$
declare
    v_attachment crm_sync.attachments;
begin
    perform crm_sync._one_at_a_time();
    if not crm_sync._is_table(p_table_name) then
        raise exception '% is gone', p_table_name
            using errcode = '42P01', hint = coalesce(
                (select 'Which of these is it now? Attach that one: ' || string_agg(renamed.table_name, ', ' order by renamed.table_name)
                 from crm_sync._renamed_tables() as renamed
                 where renamed.former_name = p_table_name),
                format('select crm_sync.forget(%L);', p_table_name));
    end if;
    perform crm_sync._take_place(p_table_name);
    for v_attachment in select * from crm_sync.attachments where attachments.table_name = p_table_name loop
        perform crm_sync._create_generated(
            crm_sync._generated_name('record', p_table_name, v_attachment.route),
            crm_sync._record_function_sql(v_attachment));
    end loop;
    perform crm_sync._create_generated('_records', crm_sync._records_function_sql());
    perform crm_sync._create_generated(
        crm_sync._generated_name('recapture', p_table_name), crm_sync._recapture_function_sql(p_table_name));
    perform crm_sync._create_generated(
        crm_sync._generated_name('related', p_table_name), crm_sync._related_function_sql(p_table_name));
    perform crm_sync._create_generated(
        crm_sync._generated_name('capture', p_table_name), crm_sync._capture_function_sql(p_table_name));
    if exists (select from crm_sync.attachments where attachments.table_name = p_table_name) then
        perform crm_sync._create_trigger(p_table_name, 'crm_sync_capture_insert',
            'after insert on %s referencing new table as new_rows');
    end if;
    perform crm_sync._create_trigger(p_table_name, 'crm_sync_capture_update',
        'after update on %s referencing old table as old_rows new table as new_rows');
    perform crm_sync._drop_strange_triggers(p_table_name);
    -- What waited for this, under the table's name or one that it bore for a while, is captured at once.
    update crm_sync.capture_failures as failures
    set table_name = p_table_name, next_retry_at = now()
    where (failures.table_name = p_table_name and failures.sql_state in ('CS038', 'CS051'))
       or (failures.table_oid = p_table_name::regclass and not crm_sync._is_table(failures.table_name));
end;
$$;

-- sql/crm_sync/05_capture/recapture.sql

-- Rows by their ids, as JSON, and their capture as the table's trigger would: for what capture missed, related changes,
-- repair, backfill and dry runs.

create or replace function crm_sync._rows(p_table_name text, p_row_ids text[])
returns jsonb
language plpgsql
-- As capture reads rows.
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' set extra_float_digits = '1'
set bytea_output = 'hex' set intervalstyle = 'postgres' set row_security = 'off'
as $$
declare
    v_rows jsonb;
begin
    execute format(
        'select coalesce(jsonb_agg(to_jsonb(this)), ''[]'')
         from unnest($1) as ids (row_id) join %s as this on %s',
        p_table_name, crm_sync._row_matches_sql(p_table_name::regclass, 'this', 'ids.row_id')
    ) into v_rows using p_row_ids;
    return v_rows;
end;
$$;

create or replace function crm_sync._has_row(p_table_name text, p_row_id text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return crm_sync._rows(p_table_name, array[p_row_id]) <> '[]';
exception when data_exception then
    -- The key has another type by now: no row has such an id.
    return false;
end;
$$;

comment on function crm_sync._has_row(text, text) is 'Whether the table has a row of this id now.';

revoke all on function crm_sync._rows(text, text[]), crm_sync._has_row(text, text),
    crm_sync._recapture(text, text, jsonb, jsonb, text[], boolean, timestamptz) from public;

-- sql/crm_sync/05_capture/renamed.sql

create or replace function crm_sync._rename_attachments(p_former_name text, p_table_name text)
returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_former text := quote_literal(p_former_name);
    v_new    text := quote_literal(p_table_name);
    v_others text[];
begin
    -- What the new name was attached with since counts.
    insert into crm_sync.attachments (table_name, route, watched, columns, ordering_key, condition, transition, joined, attached_at,
                                      attached_table)
    select p_table_name, former.route, former.watched, former.columns, former.ordering_key, former.condition, former.transition,
           former.joined, former.attached_at, former.attached_table
    from crm_sync.attachments as former
    where former.table_name = p_former_name
    on conflict (table_name, route) do update set attached_at = least(attachments.attached_at, excluded.attached_at);
    update crm_sync.related_attachments as related set target_table = p_table_name where related.target_table = p_former_name;
    insert into crm_sync.related_attachments (table_name, route, target_table, watched, affected, attached_at)
    select p_table_name, former.route, former.target_table, former.watched, former.affected, former.attached_at
    from crm_sync.related_attachments as former
    where former.table_name = p_former_name
    on conflict (table_name, route) do nothing;
    delete from crm_sync.related_attachments as related where related.table_name = p_former_name;
    delete from crm_sync.attachments where attachments.table_name = p_former_name;
    -- Asked by the old name has_fired() would not know that a row was told of, and it would be told twice. Where the quoted
    -- name stands tells nothing: a call can be written in many ways.
    with mended as (
        update crm_sync.attachments
        set condition = replace(attachments.condition, v_former, v_new),
            transition = replace(attachments.transition, v_former, v_new),
            joined = replace(attachments.joined, v_former, v_new)
        where strpos(concat(attachments.condition, attachments.transition, attachments.joined), v_former) > 0
        returning attachments.table_name
    )
    select array_agg(distinct mended.table_name) into v_others from mended;
    return v_others;
end;
$$;

revoke all on function crm_sync._renamed_tables(), crm_sync._follow_if_renamed(regclass), crm_sync._follow_all_renames(),
    crm_sync._follow_rename(text, text), crm_sync._rename_in_ledger(text, text), crm_sync._rename_attachments(text, text),
    crm_sync._require_followed(regclass), crm_sync._refuse_former_name(text, oid) from public;

-- sql/crm_sync/05_capture/replaced.sql

-- Another table bears the name that one was attached by, and that one is still there: what waits to be read was written
-- to the other. It waits until reattach(), or attach(), and is read there before the name means the new table.

create or replace function crm_sync._replaced_table(p_table_name text, p_route text)
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

create or replace function crm_sync._require_in_place(p_table_name text, p_route text)
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

create or replace function crm_sync._take_place(p_table_name text)
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

create or replace function crm_sync._read_waiting(p_attachment crm_sync.attachments)
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

-- sql/crm_sync/05_capture/row_id.sql

-- A row's id as the ledger spells it, however whoever asks does: '007' is 7, and a uuid in upper case the same one. Otherwise
-- they would be told that there is nothing, and an erasure would leave what it was to take.

create or replace function crm_sync._row_id(p_table_name text, p_row_id text)
returns text
language plpgsql
stable
-- Definer: who looks at the ledger through its views reaches neither its tables nor the generator's functions. As capture
-- does, or the ledger knows the row by another id.
security definer
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' set extra_float_digits = '1'
set bytea_output = 'hex' set intervalstyle = 'postgres'
as $$
declare
    v_sql    text;
    v_row_id text;
begin
    -- What the ledger holds is an id, also of a table that is gone, or that had another key when it was captured.
    if p_row_id is null or crm_sync._is_known_row(p_table_name, p_row_id) then
        return p_row_id;
    end if;
    v_sql := crm_sync._spelled_sql(to_regclass(p_table_name), '$1');
    if v_sql is null then
        return p_row_id;
    end if;
    execute v_sql into v_row_id using p_row_id;
    if v_row_id is null then
        raise data_exception;
    end if;
    return v_row_id;
exception when data_exception or integrity_constraint_violation then
    raise exception '"%" is no id of a row of %', p_row_id, p_table_name
        using errcode = 'CS056', hint = crm_sync._key_in_words(to_regclass(p_table_name));
end;
$$;

create or replace function crm_sync._row_ids(p_table_name text, p_row_ids text[])
returns text[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' set extra_float_digits = '1'
set bytea_output = 'hex' set intervalstyle = 'postgres'
as $$
declare
    v_row_ids text[];
begin
    execute format(
        'select array_agg(distinct spelled.row_id)
         from unnest($1) as ids (row_id) left join lateral (%s) as spelled (row_id) on true',
        crm_sync._spelled_sql(to_regclass(p_table_name), 'ids.row_id')
    ) into v_row_ids using p_row_ids;
    if array_position(v_row_ids, null) is not null then
        raise data_exception;
    end if;
    return v_row_ids;
exception when data_exception or integrity_constraint_violation then
    -- One by one, to say which.
    return array(select distinct crm_sync._row_id(p_table_name, ids.row_id) from unnest(p_row_ids) as ids (row_id));
end;
$$;

create or replace function crm_sync._spelled_sql(p_table regclass, p_row_id text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- By the types' input, not by casts to them: a cast cuts off what is too long for the key, and finds another row.
    select format(
        'select %s from jsonb_to_record(jsonb_build_object(%s)) as this (%s) %s',
        crm_sync._row_id_sql(p_table, 'this'),
        case count(*)
            when 1 then format('%L, %s', min(keys.column_name), p_row_id)
            else string_agg(format('%L, %s::jsonb -> %s', keys.column_name, p_row_id, keys.place - 1), ', ' order by keys.place)
        end,
        string_agg(format('%I %s', keys.column_name, keys.column_type), ', ' order by keys.place),
        case when count(*) > 1 then format(
            'where jsonb_array_length(%1$s::jsonb) = %2$s and not %1$s::jsonb @> ''[null]''', p_row_id, count(*)) end)
    from crm_sync._primary_key(p_table) with ordinality as keys (column_name, column_type, place)
    having count(*) > 0;
$$;

create or replace function crm_sync._is_known_row(p_table_name text, p_row_id text)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from crm_sync.deliveries where deliveries.row_id = p_row_id and deliveries.table_name = p_table_name
    ) or exists (
        select from crm_sync.capture_failures as failures
        where failures.table_name = p_table_name and p_row_id = any (failures.row_ids)
    ) or exists (
        select from crm_sync.related_changes as changes where changes.table_name = p_table_name and changes.row_id = p_row_id
    );
$$;

create or replace function crm_sync._key_in_words(p_table regclass)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case count(*)
        when 1 then 'Its key as text: '
        else 'Its key as a JSON array: '
    end || string_agg(format('%s (%s)', keys.column_name, keys.column_type), ', ' order by keys.place)
    from crm_sync._primary_key(p_table) with ordinality as keys (column_name, column_type, place);
$$;

comment on function crm_sync._row_id(text, text) is
    'A row''s id as capture spells it; as it is given where the ledger knows it so, or no table bears the name or has a key. For views: row_id = (select crm_sync._row_id(…)). Changes nothing. Roles: crm_sync_reader, crm_sync_operator. Error: CS056 the table''s key can not be that.';

comment on function crm_sync._row_ids(text, text[]) is 'Many at once, each once, of a table that is there. Raises CS056.';

comment on function crm_sync._spelled_sql(regclass, text) is
    'SQL query over a row''s id, given as SQL: the same as capture spells it, null where it has another number of columns than the key; null: the table has no key.';

comment on function crm_sync._is_known_row(text, text) is 'Whether the ledger holds something of a row of exactly this id.';

comment on function crm_sync._key_in_words(regclass) is 'Which columns a row''s id has, and of which types, for a hint.';

revoke all on function crm_sync._row_id(text, text), crm_sync._row_ids(text, text[]), crm_sync._spelled_sql(regclass, text),
    crm_sync._is_known_row(text, text), crm_sync._key_in_words(regclass) from public;

grant execute on function crm_sync._row_id(text, text) to crm_sync_reader, crm_sync_operator;

-- sql/crm_sync/05_capture/serializable.sql

-- Under serializable, what capture reads and others insert into makes a commit end in 40001, after every exception block of
-- ours. So where it would read (the ledger, an event's row, what a condition asks for) it stores the changes as the handler
-- does, and the tick, which runs under read committed, captures them as they were. Nothing leaves at such a commit anyway.

create or replace function crm_sync._leave_to_tick_sql(p_table_name text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if not crm_sync._capture_reads(p_table_name) then
        return '';
    end if;
    return format(
        $sql$
    if current_setting('transaction_isolation') = 'serializable' then
%s        if v_left_out is not null then
            perform crm_sync._note_left_out(%L, (select count(*)::int from new_rows));
        end if;
        return null;
    end if;$sql$,
        crm_sync._store_changes_sql(
            p_table_name, '''CS064''', '''written under serializable: the next tick captures it''',
            'exists (select from new_rows)',
            format('exists (select from new_rows as new left join old_rows as old on %s where %s)',
                   crm_sync._same_row_sql(p_table_name::regclass), crm_sync._may_fire_sql(p_table_name))),
        p_table_name);
end;
$$;

create or replace function crm_sync._capture_reads(p_table_name text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Functions of others can only be called by their schema here. A transition looks for the row's last delivery.
    return exists (
        select from crm_sync.attachments
        join crm_sync.routes on routes.route = attachments.route
        where attachments.table_name = p_table_name
          and (routes.kind = 'event'
               or attachments.transition <> 'true'
               or replace(concat_ws(' ', attachments.condition, attachments.ordering_key), 'crm_sync.is_present(', '')
                   ~* '\m(select|table)\M|\.\s*("[^"]+"|\w+)\s*\(')
    );
end;
$$;

create or replace function crm_sync._may_fire_sql(p_table_name text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select string_agg(distinct part, ' or ')
    from (
        select format('old.%I is null', keys.column_name) as part from crm_sync._primary_key(p_table_name::regclass) as keys
        union all
        select crm_sync._changed_sql(p_table_name::regclass, attachments.watched)
        from crm_sync.attachments
        where attachments.table_name = p_table_name
        union all
        select crm_sync._changed_sql(p_table_name::regclass, related.watched)
        from crm_sync.related_attachments as related
        where related.table_name = p_table_name
    ) as parts;
$$;

comment on function crm_sync._leave_to_tick_sql(text) is
    'The part of a capture function that runs under serializable: stores for the tick what may fire; empty where capture reads nothing.';

comment on function crm_sync._capture_reads(text) is 'Whether the capture of a table reads what serializable transactions may write.';

comment on function crm_sync._may_fire_sql(text) is 'SQL boolean over old and new: a watched column differs, or the row is new; the rest fires nothing.';

revoke all on function crm_sync._leave_to_tick_sql(text), crm_sync._capture_reads(text), crm_sync._may_fire_sql(text) from public;

-- sql/crm_sync/06_dispatch/build_records.sql

-- Builds the records of deliveries that are claimed for the first time. Each route and table has a block of its own: a table
-- that was changed under us holds up its own deliveries and no others. And so does a row: where one's values are at fault the
-- others are read without it.

create or replace function crm_sync._build_records(p_delivery_ids bigint[])
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

create or replace function crm_sync._read_in_parts(p_table_name text, p_route text, p_delivery_ids bigint[], p_max_failures int default 100)
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

create or replace function crm_sync._note_unread(p_table_name text, p_route text, p_sql_state text, p_message text)
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

create or replace function crm_sync._is_about_a_row(p_sql_state text)
returns boolean
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    -- Too many rows, a value that is none, one that is refused, and what a function of the application raises.
    select left(p_sql_state, 2) in ('21', '22', '23', 'P0')
$$;

comment on function crm_sync._read_in_parts(text, text, bigint[], int) is
    'The same for a table and route where a row is at fault: it alone is left out, unless more than so many readings fail.';

comment on function crm_sync._note_unread(text, text, text, text) is 'Notes why records could not be read.';

comment on function crm_sync._is_about_a_row(text) is 'Whether an error is about the values of a row, so that others may be read.';

revoke all on function crm_sync._build_records(bigint[]), crm_sync._read_in_parts(text, text, bigint[], int),
    crm_sync._note_unread(text, text, text, text), crm_sync._is_about_a_row(text) from public;

-- sql/crm_sync/06_dispatch/claim.sql

create or replace function crm_sync._set_aside(p_judged crm_sync.judged[], p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update crm_sync.deliveries
    set status = case when judged.verdict in ('unbuilt', 'key_changed') then 'pending' when judged.verdict = 'too_large' then 'dead' else 'cancelled' end,
        last_error_code = case judged.verdict when 'unbuilt' then 'record_not_built' when 'key_changed' then deliveries.last_error_code else judged.verdict end,
        next_attempt_at = case judged.verdict when 'unbuilt' then p_now + interval '1 minute' * (0.5 + random()) else deliveries.next_attempt_at end,
        ordering_key = judged.ordering_key,
        finished_at = case when judged.verdict not in ('unbuilt', 'key_changed') then p_now end,
        is_parked = false
    from unnest(p_judged) as judged
    where deliveries.delivery_id = judged.delivery_id and judged.verdict <> 'sendable';
end;
$$;

-- sql/crm_sync/07_retry/backoff.sql

comment on function crm_sync._is_exhausted(interval[], int, timestamptz, timestamptz) is
    'Whether attempts are used up and another one of the route was taken meanwhile.';

-- sql/crm_sync/07_retry/settle.sql

create or replace function crm_sync._judge(
    p_delivery crm_sync.deliveries, p_destination crm_sync.destinations, p_settlement crm_sync.settlement, p_now timestamptz
)
returns crm_sync.deliveries
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    p_delivery.last_outcome := p_settlement.outcome;
    p_delivery.last_error_code := p_settlement.error_code;
    p_delivery.attempt_count := p_delivery.attempt_count + p_settlement.is_counted::int;
    p_delivery := crm_sync._count_waits(p_delivery, p_settlement, p_now);
    p_delivery.status := case
        when p_settlement.outcome = 'delivered' then 'delivered'
        when p_settlement.outcome = 'reject' then 'dead'
        when p_settlement.envelope_failed and crm_sync._is_poison(p_delivery) then 'dead'
        when p_settlement.is_counted and crm_sync._is_exhausted(
            p_destination.retry_delays, p_delivery.attempt_count, crm_sync._first_attempt_at(p_delivery),
            (select routes.last_delivered_at from crm_sync.routes where routes.route = p_delivery.route))
            then 'dead'
        else 'pending'
    end;
    if p_delivery.status = 'dead' and p_settlement.envelope_failed then
        p_delivery.last_error_code := 'poison';
    end if;
    p_delivery.finished_at := case when p_delivery.status <> 'pending' then p_now end;
    p_delivery.next_attempt_at := case
        when p_delivery.status <> 'pending' then p_delivery.next_attempt_at
        -- It may be a stranger's answer, under an id that was ours before a crash, and our call still on its way.
        when p_settlement.envelope_failed then p_now + greatest(crm_sync._wait_delay(p_delivery.wait_count), interval '20 seconds')
        when p_settlement.outcome = 'misconfigured' then p_now + crm_sync._wait_delay(p_delivery.wait_count)
        -- Once it was held up on its way; again and again the clocks differ.
        when p_settlement.error_code = 'expired' and p_delivery.wait_count > 1
            then p_now + crm_sync._wait_delay(p_delivery.wait_count - 1)
        -- A probe uses up no attempt, but what it was told, or may have done, holds.
        when p_settlement.outcome in ('retry', 'unknown')
            then p_now + crm_sync._delay(p_destination.retry_delays, greatest(p_delivery.attempt_count, 1), p_settlement.outcome,
                                         p_settlement.retry_after, p_destination.max_retry_after)
        else p_now
    end;
    return p_delivery;
end;
$$;

create or replace function crm_sync._count_waits(p_delivery crm_sync.deliveries, p_settlement crm_sync.settlement, p_now timestamptz)
returns crm_sync.deliveries
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_was_alone boolean := p_settlement.envelope_failed and (
        select envelopes.delivery_count = 1 and not envelopes.is_probe
        from crm_sync.envelopes
        where envelopes.envelope_id = p_settlement.envelope_id
    );
begin
    -- What never left, or left no trace, says nothing of how it travels.
    if p_settlement.error_code in ('request_lost', 'taken_back') then
        return p_delivery;
    end if;
    p_delivery.wait_count := case
        when p_settlement.envelope_failed or p_settlement.outcome = 'misconfigured' or p_settlement.error_code = 'expired'
            then p_delivery.wait_count + 1
        else 0
    end;
    p_delivery.envelope_failure_count := case when p_settlement.envelope_failed then p_delivery.envelope_failure_count + 1 else 0 end;
    if not p_settlement.envelope_failed then
        p_delivery.failed_alone_count := 0;
        p_delivery.failed_alone_since := null;
    elsif v_was_alone then
        p_delivery.failed_alone_count := p_delivery.failed_alone_count + 1;
        p_delivery.failed_alone_since := coalesce(p_delivery.failed_alone_since, p_now);
    end if;
    return p_delivery;
end;
$$;

create or replace function crm_sync._after_settle(p_delivery_ids bigint[], p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_group record;
begin
    perform crm_sync._note_delivered(p_delivery_ids, p_now);
    -- The older states that a delivered one covers; those that were never read would now read what a dead one did. And
    -- the dead ones that a newer delivery of the row stands for.
    with superseded as materialized (
        select older.delivery_id, older.status, newer.delivery_id as superseded_by
        from crm_sync.deliveries as newer
        cross join lateral (
            select deliveries.delivery_id, deliveries.status, deliveries.covered_by, deliveries.claimed_at
            from crm_sync.deliveries
            where deliveries.row_id = newer.row_id
              and deliveries.table_name = newer.table_name
              and deliveries.route = newer.route
              and deliveries.delivery_id <> newer.delivery_id
            -- Row by row, and by the row's index alone: as a join it was planned as each with each; with a word on the status
            -- in here, all that waits was looked through for each.
            offset 0
        ) as older
        where newer.delivery_id = any (p_delivery_ids)
          and (
              (older.status = 'pending' and older.covered_by = newer.delivery_id
               and (newer.status = 'delivered' or (newer.status = 'dead' and older.claimed_at is null)))
              or (newer.status in ('delivered', 'dead') and older.status = 'dead' and older.delivery_id < newer.delivery_id)
          )
    )
    update crm_sync.deliveries
    set status = 'superseded', superseded_by = superseded.superseded_by, finished_at = p_now, is_parked = false
    from superseded
    -- What an operator has cancelled or sent again meanwhile stays so.
    where deliveries.delivery_id = superseded.delivery_id and deliveries.status = superseded.status;
    perform crm_sync._recapture_mended(p_delivery_ids);
    for v_group in
        select deliveries.destination, array_agg(distinct deliveries.ordering_key) as keys
        from crm_sync.deliveries
        where deliveries.delivery_id = any (p_delivery_ids)
        group by deliveries.destination
    loop
        perform crm_sync._wake_keys(v_group.destination, v_group.keys);
    end loop;
end;
$$;

create or replace function crm_sync._note_delivered(p_delivery_ids bigint[], p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_routes text[] := array(
        select distinct deliveries.route from crm_sync.deliveries
        where deliveries.delivery_id = any (p_delivery_ids) and deliveries.status = 'delivered');
begin
    if v_routes = '{}' then
        return;
    end if;
    -- One that an operator is just pausing or changing hears of the next.
    with free as materialized (
        select routes.route from crm_sync.routes where routes.route = any (v_routes) for no key update skip locked
    )
    update crm_sync.routes set last_delivered_at = p_now from free where routes.route = free.route;
    with free as materialized (
        select destinations.destination from crm_sync.destinations
        where destinations.destination in (select routes.destination from crm_sync.routes where routes.route = any (v_routes))
        for no key update skip locked
    )
    update crm_sync.destinations set last_delivered_at = p_now from free where destinations.destination = free.destination;
end;
$$;

comment on function crm_sync._note_delivered(bigint[], timestamptz) is 'Notes when the routes of the delivered ones, and their destinations, last had one taken.';

comment on function crm_sync._after_settle(bigint[], timestamptz) is
    'What a settled delivery changes for others: evidence of its route, superseded older ones, the next of its key.';

revoke all on function crm_sync._settle(crm_sync.settlement[], timestamptz), crm_sync._fenced(crm_sync.settlement[]),
    crm_sync._count_waits(crm_sync.deliveries, crm_sync.settlement, timestamptz), crm_sync._is_poison(crm_sync.deliveries),
    crm_sync._first_attempt_at(crm_sync.deliveries),
    crm_sync._judge(crm_sync.deliveries, crm_sync.destinations, crm_sync.settlement, timestamptz),
    crm_sync._note_delivered(bigint[], timestamptz), crm_sync._after_settle(bigint[], timestamptz) from public;

-- sql/crm_sync/08_reconcile/related.sql

-- Captures what a change of one table means for rows of another (a customer's for their requests), after its commit: at first
-- sight and in the tick after that, for the rows visible then; and once every transaction that was running then has ended, for
-- rows that such a transaction wrote and dispatched while the change was still invisible to it. They are older than the second
-- tick, but not than what the first look's snapshot had seen end: that tick's own id is the horizon, and until all older ones
-- have ended nothing is looked at. The oldest first, and no more than a tick has time for.

create or replace function crm_sync._capture_related(p_limit int default 1000, p_for interval default '0.5 seconds')
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

comment on function crm_sync._capture_related(int, interval) is
    'Captures the effect of related changes, oldest first: of so many, and until so much time is over, of one transaction''s in any case; returns how many deliveries. Part of the tick.';

revoke all on function crm_sync._capture_related(int, interval), crm_sync._capture_affected(text, text[], xid8, timestamptz),
    crm_sync._reads_change(text, text, text, xid8, timestamptz) from public;

-- sql/crm_sync/09_operate/backfill.sql

-- New deliveries from rows as they are now, for routes whose condition they meet. They never hold up live ones.

create or replace function crm_sync.backfill(
    p_route text, p_row_ids text[] default null, p_since timestamptz default null, p_limit int default 10000, p_note text default null,
    p_table regclass default null
)
returns table (delivery_id bigint)
language plpgsql
security definer
-- As capture reads rows, or a condition would hold here and not there.
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' set extra_float_digits = '1'
set bytea_output = 'hex' set intervalstyle = 'postgres'
as $$
declare
    v_tables     text[] := crm_sync._tables_of_route(p_route, p_table);
    v_table_name text;
    v_row_ids    text[];
    v_rows       jsonb;
    v_captured   bigint[];
    v_changed_at timestamptz;
    v_last_at    timestamptz;
    v_goes_on_at timestamptz;
    v_new_ids    bigint[] := array[]::bigint[];
begin
    if p_row_ids is null and p_since is null then
        raise exception 'backfill needs row ids or a time since when rows were changed'
            using errcode = 'CS021', hint = 'backfill(''lead'', p_since => now() - interval ''1 day'')';
    end if;
    if v_tables = '{}' then
        raise warning 'route % is %', p_route, coalesce('not attached to ' || crm_sync._table_name(p_table), 'attached to no table')
            using errcode = 'CS058', hint = 'What is attached: select table_name, route from crm_sync.attachments;';
    end if;
    if p_row_ids is not null and cardinality(v_tables) > 1 then
        raise exception 'several tables fire %: %', p_route, array_to_string(v_tables, ', ')
            using errcode = 'CS050', hint = format('Of which are these rows? backfill(…, p_table => %L)', v_tables[1]);
    end if;
    for v_table_name, v_row_ids, v_changed_at in
        select chosen.table_name, chosen.row_ids, chosen.last_changed_at
        from crm_sync._rows_to_backfill(p_route, v_tables, p_row_ids, p_since, p_limit) as chosen
    loop
        v_rows := crm_sync._rows(v_table_name, v_row_ids);
        v_captured := array(select * from crm_sync._recapture(v_table_name, 'UPDATE', '[]', v_rows, array[p_route], true));
        if p_row_ids is not null then
            perform crm_sync._warn_of_left_out(
                v_table_name, p_route, cardinality(v_row_ids), jsonb_array_length(v_rows), cardinality(v_captured));
        end if;
        v_new_ids := v_new_ids || v_captured;
        v_last_at := greatest(v_last_at, v_changed_at);
    end loop;
    if v_last_at is not null then
        v_goes_on_at := crm_sync._first_that_fires_after(p_route, v_tables, v_last_at);
    end if;
    perform crm_sync._note_operation(
        'backfill',
        jsonb_build_object('route', p_route, 'since', p_since, 'row_count', cardinality(p_row_ids), 'goes_on_at', v_goes_on_at),
        cardinality(v_new_ids), p_note);
    if v_goes_on_at is not null then
        raise warning 'the limit of % was reached: what changed at % or later is left', p_limit, v_goes_on_at
            using errcode = 'CS045', hint = format('Go on: p_since => %L', v_goes_on_at);
    end if;
    return query select unnest(v_new_ids);
end;
$$;

create or replace function crm_sync._warn_of_left_out(p_table_name text, p_route text, p_id_count int, p_row_count int, p_captured_count int)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_left int := p_row_count - p_captured_count;
begin
    if p_captured_count < p_id_count then
        raise warning '%', concat_ws('; ',
            case when p_row_count < p_id_count then format('%s has no row for %s of %s ids', p_table_name, p_id_count - p_row_count, p_id_count) end,
            case v_left
                when 0 then null
                when 1 then format('1 row does not fire %s as it is', p_route)
                else format('%s rows do not fire %s as they are', v_left, p_route)
            end)
            using errcode = 'CS059', hint = case v_left
                when 0 then 'Are they deleted, or of another table?'
                else format('Its conditions: select table_name, condition from crm_sync.attachments where route = %L;', p_route)
            end;
    end if;
end;
$$;

create or replace function crm_sync._rows_to_backfill(p_route text, p_tables text[], p_row_ids text[], p_since timestamptz, p_limit int)
returns table (table_name text, row_ids text[], last_changed_at timestamptz)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_row_ids is not null then
        return query
        select tables.name, crm_sync._row_ids(tables.name, p_row_ids), null::timestamptz
        from unnest(p_tables) as tables (name);
        return;
    end if;
    if p_tables = '{}' then
        return;
    end if;
    -- One limit for all tables of the route, and no cut through rows of one time: where it goes on none is lost or taken twice.
    return query execute format(
        'select oldest.table_name, array_agg(oldest.row_id), max(oldest.changed_at)
         from (
             select * from (%s) as fired
             order by fired.changed_at
             fetch first (coalesce($2, 9223372036854775807)) rows with ties
         ) as oldest
         group by oldest.table_name
         order by oldest.table_name',
        crm_sync._rows_that_fire_sql(p_route, p_tables, '>=')
    ) using p_since, p_limit;
end;
$$;

comment on function crm_sync.backfill(text, text[], timestamptz, int, text, regclass) is
    'Captures rows as they are now that fire the route, of each of its tables or of p_table, by id or by time of change (updated_at, or created_at where that is null or not there): the oldest 10,000 by default, and those that share the last one''s time. Where more are left it warns (CS045) with the time to go on from, which its line in crm_sync.operations keeps as goes_on_at: from there none is lost or taken twice. It warns, too, of ids that have no row or whose row does not fire the route (CS059), and where no table has the route (CS058). Each call makes new deliveries with new keys: not safe to repeat for event routes, whose receiver hears twice; of a state it hears the same again. Role: crm_sync_operator. Errors: CS002 unknown route, CS021 neither ids nor time, CS022 no time column, CS050 ids without p_table where several tables fire the route, CS056 the table''s key can not be one of the ids.';

comment on function crm_sync._warn_of_left_out(text, text, int, int, int) is 'Warns (CS059) of how many ids there is no row, and how many rows do not fire the route.';

revoke all on function crm_sync.backfill(text, text[], timestamptz, int, text, regclass), crm_sync._tables_of_route(text, regclass),
    crm_sync._warn_of_left_out(text, text, int, int, int), crm_sync._rows_to_backfill(text, text[], text[], timestamptz, int), crm_sync._first_that_fires_after(text, text[], timestamptz),
    crm_sync._rows_that_fire_sql(text, text[], text) from public;

-- sql/crm_sync/09_operate/cancel.sql

-- Takes deliveries out for good, while they wait or are dead. One that is in flight is not stopped.

create or replace function crm_sync.cancel(p_delivery_ids bigint[], p_note text default null)
returns table (delivery_id bigint, cancelled boolean, reason text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_cancelled bigint[];
begin
    perform crm_sync._note_if_null(p_delivery_ids);
    v_cancelled := crm_sync._cancel(p_delivery_ids, array['pending', 'dead'], 'cancelled_by_operator');
    perform crm_sync._note_operation(
        'cancel', jsonb_build_object('delivery_ids', p_delivery_ids), cardinality(v_cancelled), p_note);
    return query
    select ids.delivery_id, ids.delivery_id = any (v_cancelled),
           case
               when ids.delivery_id = any (v_cancelled) then null
               when deliveries.delivery_id is null then 'no such delivery'
               when deliveries.status = 'in_flight' then 'it is in flight; its outcome comes first'
               else 'it is ' || deliveries.status
           end
    from (select distinct unnest(p_delivery_ids) as delivery_id) as ids
    left join crm_sync.deliveries on deliveries.delivery_id = ids.delivery_id
    order by ids.delivery_id;
end;
$$;

comment on function crm_sync.cancel(bigint[], text) is
    'Cancels pending or dead deliveries for good; the next of their keys go on. Returns each id, whether it was cancelled, and if not why. Safe to repeat; null does nothing, with a notice (CS060). Role: crm_sync_operator.';

-- sql/crm_sync/09_operate/dry_run.sql

-- What would be sent for a row as it is now: the function maps it and masks the values, and calls nobody. Two calls, because
-- an answer comes only after the commit and nothing here waits. In no envelope of the ledger: reconcile takes no notice.

create or replace function crm_sync.dry_run(p_table regclass, p_row_id text, p_note text default null)
returns table (dry_run_id uuid, routes text[], see text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO'
as $$
declare
    v_row_id  text := crm_sync._required_row_id(p_table, p_row_id);
    v_body    jsonb := crm_sync._dry_run_body(p_table, v_row_id, 'true');
    v_request bigint;
begin
    dry_run_id := gen_random_uuid();
    routes := array(select delivery ->> 'route' from jsonb_array_elements(v_body -> 'deliveries') as delivery);
    see := format('select * from crm_sync.dry_run_result(%L);', dry_run_id);
    v_request := crm_sync._post_signed(
        crm_sync._required_function_access(), dry_run_id, v_body, (select settings.request_timeout from crm_sync.settings));
    perform crm_sync._note_operation('dry_run', jsonb_build_object(
        'table', crm_sync._table_name(p_table), 'row_id', v_row_id, 'dry_run_id', dry_run_id, 'request_id', v_request),
        cardinality(routes), p_note);
    return next;
end;
$$;

create or replace function crm_sync.dry_run_request(p_table regclass, p_row_id text, p_note text default null)
returns table (url text, headers jsonb, body text)
language plpgsql
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO'
as $$
declare
    v_row_id   text := crm_sync._required_row_id(p_table, p_row_id);
    v_function crm_sync.function_access := crm_sync._required_function_access();
    v_body     jsonb := crm_sync._dry_run_body(p_table, v_row_id, '"whole"');
begin
    perform crm_sync._note_operation('dry_run_request', jsonb_build_object(
        'table', crm_sync._table_name(p_table), 'row_id', v_row_id), jsonb_array_length(v_body -> 'deliveries'), p_note);
    return query select v_function.url, crm_sync._signed_headers(v_function, gen_random_uuid(), v_body), v_body::text;
end;
$$;

create or replace function crm_sync._dry_run_body(p_table regclass, p_row_id text, p_dry_run jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_deliveries jsonb;
begin
    v_deliveries := crm_sync._dry_deliveries(crm_sync._table_name(p_table), p_row_id);
    if v_deliveries is null then
        raise exception 'no route fires for row % of % as it is', p_row_id, p_table
            using errcode = 'CS031', hint = 'Its conditions: select route, condition from crm_sync.attachments;';
    end if;
    if p_dry_run = 'true' then
        perform crm_sync._require_postable(v_deliveries);
    end if;
    return crm_sync._dry_envelope(v_deliveries, p_dry_run);
end;
$$;

create or replace function crm_sync._dry_deliveries(p_table_name text, p_row_id text)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_rows       jsonb;
    v_ids        bigint[];
    v_deliveries jsonb;
begin
    if not crm_sync._has_row(p_table_name, p_row_id) then
        raise exception '% has no row %', p_table_name, p_row_id
            using errcode = 'CS029', hint = 'Its primary key as text; a JSON array where it has several columns.';
    end if;
    v_rows := crm_sync._rows(p_table_name, array[p_row_id]);
    -- Captured and read as ever, and undone: the variable stays, the deliveries do not.
    begin
        v_ids := array(select * from crm_sync._recapture(p_table_name, 'UPDATE', '[]', v_rows));
        v_deliveries := (
            select jsonb_agg(read.delivery order by read.delivery_id)
            from (
                select deliveries.delivery_id, crm_sync._dry_read(deliveries) as delivery
                from crm_sync.deliveries
                where deliveries.delivery_id = any (v_ids)
            ) as read
            where read.delivery is not null);
        raise exception 'undone' using errcode = 'CS099';
    exception when sqlstate 'CS099' then
        return v_deliveries;
    end;
end;
$$;

comment on function crm_sync.dry_run(regclass, text, text) is
    'Asks the function what it would send for a row as it is now, for each route that it fires; nothing is sent to a receiver and nothing stays in the ledger. Its body passes pg_net''s queue as any other. The answer, with masked values, a second later: dry_run_result(dry_run_id). Safe to repeat. Role: crm_sync_operator. Errors: CS010 Vault is not set up, CS023 nothing is captured from the table, CS029 no such row, CS031 no route fires, CS037 a delivery is too large to be sent, CS047 a record can not be read, CS048 all of them together are too large for one request to pg_net, CS056 the table''s key can not be that.';

-- sql/crm_sync/09_operate/erase.sql

-- Removes one row's personal data from the ledger. What still waits is cancelled; the trace stays without the record.

create or replace function crm_sync.erase(p_table regclass, p_row_id text, p_note text default null)
returns table (delivery_id bigint, status text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_table_name text := crm_sync._table_name(p_table);
    v_row_id     text;
    v_ids        bigint[];
    v_is_gone    boolean;
begin
    perform crm_sync._require_followed();
    v_row_id := crm_sync._required_row_id(p_table, p_row_id);
    v_is_gone := exists (select from crm_sync.related_attachments as related where related.table_name = v_table_name)
        and not crm_sync._has_row(v_table_name, v_row_id);
    -- First what is still to be captured: a tick that is at it is waited for, and what it has captured is found.
    perform crm_sync._erase_uncaptured(array[v_table_name], array[v_row_id]);
    v_ids := crm_sync._deliveries_telling_of(p_table, v_row_id);
    perform crm_sync._erase_deliveries(v_ids);
    perform crm_sync._note_operation(
        'erase',
        jsonb_build_object('table', v_table_name, 'row_id', v_row_id, 'is_gone', case when v_is_gone then true end),
        cardinality(v_ids), p_note);
    if v_is_gone then
        -- Which rows of others it affected only the row itself could tell.
        raise warning '% has no such row any more: records of others that were read from it are not found', v_table_name
            using errcode = 'CS046', hint = 'By what they tell: select * from crm_sync.erase_person(p_email => ''…'');';
    end if;
    return query
    select deliveries.delivery_id, deliveries.status from crm_sync.deliveries where deliveries.delivery_id = any (v_ids) order by 1;
end;
$$;

create or replace function crm_sync._deliveries_telling_of(p_table regclass, p_row_id text)
returns bigint[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name text := crm_sync._table_name(p_table);
    v_ids        bigint[] := array(
        select deliveries.delivery_id from crm_sync.deliveries
        where deliveries.row_id = p_row_id and deliveries.table_name = v_table_name
    );
    v_related    bigint[];
begin
    if not exists (select from crm_sync.related_attachments as related where related.table_name = v_table_name)
        or not crm_sync._has_row(v_table_name, p_row_id) then
        return v_ids;
    end if;
    -- What was read of this row into the records of others: of a customer into those of their requests and payments.
    execute format(
        'select array_agg(distinct telling.delivery_id)
         from crm_sync.%I(array[$1]) as affected
         join crm_sync.deliveries as own
           on own.row_id = affected.row_id and own.table_name = affected.target_table
         join crm_sync.deliveries as telling
           on telling.ordering_key = own.ordering_key
          and (telling.claimed_at is not null or telling.status = ''pending'')',
        crm_sync._generated_name('related', v_table_name)
    ) into v_related using p_row_id;
    return v_ids || v_related;
end;
$$;

comment on function crm_sync.erase(regclass, text, text) is
    'Empties the records of a row''s deliveries, and of those that were read from it, as a request''s from its customer, as long as both rows are there and belong together: to be called before they are deleted. Of a row that is gone it empties its own, and warns (CS046) where others may tell of it: erase_person() finds those. Cancels those that wait; one in flight ends with its outcome, and is not tried again. What the receiver was told it keeps. Returns the deliveries. Safe to repeat. Role: crm_sync_operator. Errors: CS023 nothing was ever captured from the table, CS051 a table was renamed since it was attached, CS056 the table''s key can not be that.';

-- sql/crm_sync/09_operate/find_missing.sql

-- The safety net under capture: rows that a route should have sent and whose newest delivery is absent or tells other
-- values. An import or a restore looks just like a hole, so the daily repair mends few and leaves many to a person.

create or replace function crm_sync.find_missing(p_table regclass, p_since timestamptz default null)
returns table (route text, row_id text, reason text)
language plpgsql
security definer
-- As records are built, or the same time would read as another value.
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' set extra_float_digits = '1'
set bytea_output = 'hex' set intervalstyle = 'postgres' set row_security = 'off'
as $$
declare
    v_attachment crm_sync.attachments;
    v_settings   crm_sync.settings;
begin
    perform crm_sync._require_followed(p_table);
    perform crm_sync._require_attached(p_table);
    select * into strict v_settings from crm_sync.settings;
    for v_attachment in
        select * from crm_sync.attachments as attached where attached.table_name = crm_sync._table_name(p_table)
    loop
        for route, row_id, reason in execute crm_sync._missing_sql(v_attachment)
        using
            greatest(
                coalesce(p_since, '-infinity'), v_attachment.attached_at,
                clock_timestamp() - least(v_settings.keep_record_delivered, v_settings.keep_trace)),
            crm_sync._sure_since(v_attachment)
        loop
            return next;
        end loop;
    end loop;
end;
$$;

create or replace function crm_sync._missing_sql(p_attachment crm_sync.attachments, p_is_undecided boolean default false)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table    regclass := p_attachment.table_name::regclass;
    v_compared text[] := array(
        select unnest(p_attachment.watched) intersect select unnest(p_attachment.columns) order by 1);
    v_is_state boolean := (select kind = 'state' from crm_sync.routes where routes.route = p_attachment.route);
    -- What fires an event lies in the past, and no column says when: surely since then only where the whole row is younger.
    v_is_young text := case
        when v_is_state and p_attachment.transition = 'true' then 'true'
        when crm_sync._knows_birth(v_table) then 'new.created_at >= $2'
        else 'false'
    end;
    v_changed  text := (
        select string_agg(format('%s and new.%I >= $1', times.counts_if, times.column_name), ' or ')
        from crm_sync._required_change_times(v_table) as times);
begin
    -- A newest delivery without record has still to read the row, or is past retention. A column that its record had not yet
    -- tells nothing.
    return format(
        $sql$
        select %1$L, %2$s, case when newest.delivery_id is null then 'no delivery' else 'other values' end
        from %3$s as new
        left join lateral (
            select deliveries.delivery_id, deliveries.claimed_at, deliveries.record
            from crm_sync.deliveries
            where deliveries.row_id = %2$s and deliveries.table_name = %4$L and deliveries.route = %1$L
            order by deliveries.delivery_id desc
            limit 1
        ) as newest on true
        where (%5$s)
          and coalesce(%10$s, false) <> %11$L
          and (%6$s) is true
          and not exists (
              select from crm_sync.capture_failures as failures
              where failures.table_name = %4$L and %2$s = any (failures.row_ids)
          )
          and (
              newest.delivery_id is null
              or (%7$L and newest.claimed_at is not null and newest.record is not null
                  and crm_sync._pick(newest.record, %8$L) <> crm_sync._pick(
                      (select to_jsonb(picked) from (select %9$s) as picked), array(select jsonb_object_keys(newest.record))))
          )
        $sql$,
        p_attachment.route, crm_sync._row_id_sql(v_table, 'new'), p_attachment.table_name, p_attachment.table_name,
        v_changed, p_attachment.condition, v_is_state, v_compared,
        crm_sync._columns_sql(v_compared, 'new'), v_is_young, p_is_undecided);
end;
$$;

create or replace function crm_sync._count_undecided(p_attachment crm_sync.attachments, p_since timestamptz)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' set extra_float_digits = '1'
set bytea_output = 'hex' set intervalstyle = 'postgres' set row_security = 'off'
as $$
declare
    v_count bigint;
begin
    execute format('select count(*) from (%s) as undecided', crm_sync._missing_sql(p_attachment, true))
    into v_count
    using p_since, crm_sync._sure_since(p_attachment);
    return v_count;
end;
$$;

-- Definer: an operator may call find_missing() and backfill(), of which it is made.
create or replace function crm_sync.repair_missing(p_limit int default 100, p_since timestamptz default null)
returns table (table_name text, route text, missing_count int, repaired_count int)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select repaired.* from crm_sync._repair_tables(
        array(select distinct attachments.table_name from crm_sync.attachments order by 1), p_limit, p_since) as repaired;
end;
$$;

comment on function crm_sync.find_missing(regclass, timestamptz) is
    'Rows changed since then (by updated_at, or created_at where that is null or not there; after attach and within retention) that a route should have sent and whose newest delivery is absent, or for a state route tells other values; not those that the tick is still to capture. Of events, and where a transition fires the route, only rows created since attach and within keep_trace: of others nobody can say whether it happened before. Changes nothing. Role: crm_sync_operator. Errors: CS022 no time column, CS023 nothing was ever captured from the table, CS051 the table was renamed since it was attached.';

comment on function crm_sync.repair_missing(int, timestamptz) is
    'Backfills what find_missing finds, up to so many rows a table and route; more than that it leaves alone and notes as a fault. Scheduled by start(), daily. A table without updated_at or created_at is left out; one that cannot be looked at is noted as a fault and stops no other. Safe to repeat. Role: crm_sync_operator.';

grant execute on function crm_sync.find_missing(regclass, timestamptz), crm_sync.repair_missing(int, timestamptz) to crm_sync_operator;

-- sql/crm_sync/09_operate/ids.sql

-- redeliver() and cancel() of one delivery, as a number: an operator types redeliver(4711). Beside those of an array Postgres
-- could not tell what '{1,2}' in quotes is meant to be, so that text has its own, too; of the three it takes that one.

create or replace function crm_sync.redeliver(p_delivery_id bigint, p_force boolean default false, p_note text default null)
returns table (delivery_id bigint, redelivered boolean, reason text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query select * from crm_sync.redeliver(crm_sync._ids(p_delivery_id::text), p_force, p_note);
end;
$$;

create or replace function crm_sync.redeliver(p_ids_as_text text, p_force boolean default false, p_note text default null)
returns table (delivery_id bigint, redelivered boolean, reason text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query select * from crm_sync.redeliver(crm_sync._ids(p_ids_as_text), p_force, p_note);
end;
$$;

create or replace function crm_sync.cancel(p_delivery_id bigint, p_note text default null)
returns table (delivery_id bigint, cancelled boolean, reason text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query select * from crm_sync.cancel(crm_sync._ids(p_delivery_id::text), p_note);
end;
$$;

create or replace function crm_sync.cancel(p_ids_as_text text, p_note text default null)
returns table (delivery_id bigint, cancelled boolean, reason text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query select * from crm_sync.cancel(crm_sync._ids(p_ids_as_text), p_note);
end;
$$;

create or replace function crm_sync._ids(p_ids text)
returns bigint[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return ('{' || btrim(p_ids, ' {}') || '}')::bigint[];
exception when data_exception then
    raise exception '"%" names no deliveries', p_ids
        using errcode = 'CS057', hint = 'By their ids: 4711, ''{4711,4712}'' or an array of them.';
end;
$$;

comment on function crm_sync.redeliver(bigint, boolean, text) is 'redeliver() of one delivery. Safe to repeat. Role: crm_sync_operator.';

comment on function crm_sync.redeliver(text, boolean, text) is
    'redeliver() of deliveries whose ids are given as text: ''4711'', ''{4711,4712}''. Safe to repeat. Role: crm_sync_operator. Error: CS057 the text is no ids.';

comment on function crm_sync.cancel(bigint, text) is 'cancel() of one delivery. Safe to repeat. Role: crm_sync_operator.';

comment on function crm_sync.cancel(text, text) is
    'cancel() of deliveries whose ids are given as text: ''4711'', ''{4711,4712}''. Safe to repeat. Role: crm_sync_operator. Error: CS057 the text is no ids.';

comment on function crm_sync._ids(text) is 'Ids of deliveries, given as text, with braces or without. Raises CS057.';

revoke all on function crm_sync.redeliver(bigint, boolean, text), crm_sync.redeliver(text, boolean, text),
    crm_sync.cancel(bigint, text), crm_sync.cancel(text, text), crm_sync._ids(text) from public;

grant execute on function crm_sync.redeliver(bigint, boolean, text), crm_sync.redeliver(text, boolean, text),
    crm_sync.cancel(bigint, text), crm_sync.cancel(text, text) to crm_sync_operator;

-- sql/crm_sync/09_operate/operations.sql

create or replace function crm_sync._require_attached(p_table regclass)
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

create or replace function crm_sync._note_if_null(p_delivery_ids bigint[])
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

create or replace function crm_sync._note_only_counted()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise notice 'this was only counted' using errcode = 'CS061', hint = 'To do it: p_count_only => false';
end;
$$;

create or replace function crm_sync._required_row_id(p_table regclass, p_row_id text)
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

comment on function crm_sync._note_if_null(bigint[]) is 'Says so (CS060) where an operator''s call names no deliveries but null.';

comment on function crm_sync._note_only_counted() is 'Says so (CS061) where an operator''s call has counted and done nothing.';

comment on function crm_sync._required_row_id(regclass, text) is
    'A row''s id as the ledger spells it. Raises CS023 unless something is, or was, captured from the table, CS056 where its key can not be that.';

revoke all on function crm_sync._note_operation(text, jsonb, int, text), crm_sync._require_destination(text),
    crm_sync._require_route(text), crm_sync._require_attached(regclass), crm_sync._required_row_id(regclass, text),
    crm_sync._note_if_null(bigint[]), crm_sync._note_only_counted() from public;

-- sql/crm_sync/09_operate/person.sql

create or replace function crm_sync.erase_person(
    p_email text default null, p_phone text default null, p_count_only boolean default true, p_note text default null
)
returns table (table_name text, row_id text, delivery_count int, erased boolean)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_person  record;
    v_tables  text[] := array[]::text[];
    v_row_ids text[] := array[]::text[];
    v_ids     bigint[] := array[]::bigint[];
begin
    for v_person in select * from crm_sync._people(p_email, p_phone) loop
        table_name := v_person.table_name;
        row_id := v_person.row_id;
        delivery_count := cardinality(v_person.delivery_ids);
        erased := not p_count_only;
        return next;
        v_tables := v_tables || table_name;
        v_row_ids := v_row_ids || row_id;
        v_ids := v_ids || v_person.delivery_ids;
    end loop;
    if not p_count_only then
        -- As erase() does; and all at once: row after row, the locks would be taken in an order of their own.
        perform crm_sync._erase_uncaptured(v_tables, v_row_ids);
        v_ids := array(
            select ids.delivery_id from unnest(v_ids) as ids (delivery_id)
            union
            select unnest(people.delivery_ids) from crm_sync._people(p_email, p_phone) as people);
        perform crm_sync._erase_deliveries(v_ids);
    elsif v_tables <> '{}' then
        perform crm_sync._note_only_counted();
    end if;
    perform crm_sync._note_operation(
        'erase_person', crm_sync._found_by(p_email, p_phone) || jsonb_build_object('count_only', p_count_only),
        case when p_count_only then 0 else cardinality(v_ids) end, p_note);
end;
$$;

comment on function crm_sync.erase_person(text, text, boolean, text) is
    'Empties the records of every delivery that tells of whoever has this email or this phone, and cancels those that wait, as erase() does for one row. Counts only, and says so (CS061), unless told p_count_only => false. The application''s own rows it leaves alone; what a receiver was told it keeps. Returns the rows found. Safe to repeat. Role: crm_sync_operator. Errors: CS026 neither email nor phone, or a phone of fewer than six digits, CS051 a table was renamed since it was attached.';

-- sql/crm_sync/09_operate/purge.sql

-- Retention: records go first, the trace without personal data later. In batches, each a transaction of its own, so that no run
-- locks or bloats much, and one after the other until none is full or ten minutes have passed.

create or replace function crm_sync._purge_command()
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return crm_sync._under_read_committed(
        'purge', 'loop exit when not crm_sync._purge_again(); commit and chain; end loop;');
end;
$$;

create or replace function crm_sync._purge_cron_runs(p_before timestamptz, p_batch int)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count int;
begin
    -- pg_cron leaves a row for each run and never removes one, of a run that a crash has ended without end_time; failed runs
    -- stay a day for health().
    delete from cron.job_run_details as runs
    where runs.runid in (
        select old.runid
        from cron.job_run_details as old
        where old.command like any (array['do $tick$%crm\_sync.tick()%', 'do $purge$%crm\_sync.\_purge%', 'do $crm\_sync$%', 'select crm\_sync.%'])
          and coalesce(old.end_time, old.start_time) < case when old.status = 'succeeded' then p_before else p_before - interval '1 day' end
        limit p_batch
    );
    get diagnostics v_count = row_count;
    return v_count;
end;
$$;

-- sql/crm_sync/09_operate/redeliver.sql

-- More attempts of the same delivery, under its old key. A state that no receiver has seen is read from its row again; what
-- was seen keeps its record, and so do an event, a test delivery, which has no row, and one whose table is gone. An older state behind a newer one of
-- its key would undo it: refused.

create or replace function crm_sync.redeliver(p_delivery_ids bigint[], p_force boolean default false, p_note text default null)
returns table (delivery_id bigint, redelivered boolean, reason text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_ids     bigint[];
    v_reasons text[];
    v_count   int;
begin
    perform crm_sync._note_if_null(p_delivery_ids);
    perform crm_sync._lock_deliveries(p_delivery_ids);
    select array_agg(judged.delivery_id order by judged.delivery_id), array_agg(judged.reason order by judged.delivery_id)
    into v_ids, v_reasons
    from crm_sync._refusals_to_redeliver(p_delivery_ids, p_force) as judged;
    update crm_sync.deliveries
    set status = 'pending',
        attempt_count = 0,
        wait_count = 0,
        envelope_failure_count = 0,
        failed_alone_count = 0,
        failed_alone_since = null,
        next_attempt_at = clock_timestamp(),
        is_parked = false,
        finished_at = null,
        covered_by = null,
        claimed_at = case
            when deliveries.operation = 'TEST' or crm_sync._was_seen(deliveries.delivery_id) then deliveries.claimed_at
            when to_regclass(deliveries.table_name) is null then coalesce(deliveries.claimed_at, clock_timestamp())
        end
    from unnest(v_ids, v_reasons) as judged (delivery_id, reason)
    where deliveries.delivery_id = judged.delivery_id and judged.reason is null;
    get diagnostics v_count = row_count;
    perform crm_sync._note_operation(
        'redeliver', jsonb_build_object('delivery_ids', p_delivery_ids, 'force', p_force), v_count, p_note);
    return query
    select judged.delivery_id, judged.reason is null, judged.reason
    from unnest(v_ids, v_reasons) as judged (delivery_id, reason);
end;
$$;

create or replace function crm_sync.redeliver_dead(
    p_route text default null, p_since timestamptz default '-infinity', p_until timestamptz default 'infinity',
    p_count_only boolean default true, p_note text default null
)
returns table (route text, last_error_code text, dead_count bigint, redelivered_count bigint)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_dead        bigint[];
    v_redelivered bigint[];
begin
    if p_route is not null then
        perform crm_sync._require_route(p_route);
    end if;
    v_dead := array(
        select deliveries.delivery_id
        from crm_sync.deliveries
        where deliveries.status = 'dead'
          and (p_route is null or deliveries.route = p_route)
          and deliveries.finished_at >= p_since
          and deliveries.finished_at < p_until
    );
    if not p_count_only then
        v_redelivered := array(
            select results.delivery_id from crm_sync.redeliver(v_dead, false, p_note) as results where results.redelivered);
    elsif v_dead <> '{}' then
        perform crm_sync._note_only_counted();
    end if;
    return query
    select deliveries.route, deliveries.last_error_code, count(*), count(*) filter (where deliveries.delivery_id = any (v_redelivered))
    from crm_sync.deliveries
    where deliveries.delivery_id = any (v_dead)
    group by deliveries.route, deliveries.last_error_code
    order by deliveries.route, deliveries.last_error_code;
end;
$$;

comment on function crm_sync.redeliver(bigint[], boolean, text) is
    'Makes finished deliveries pending again, with all their attempts and their old idempotency key. Returns each id, whether it was redelivered, and if not why. Safe to repeat: what is pending stays so; null, as of a query that found none, does nothing, with a notice (CS060). Role: crm_sync_operator.';

comment on function crm_sync.redeliver_dead(text, timestamptz, timestamptz, boolean, text) is
    'Redelivers what went dead in a span of time, of one route or all. Counts only, and says so (CS061), unless told p_count_only => false. Role: crm_sync_operator. Error: CS002 unknown route.';

-- sql/crm_sync/10_observe/health.sql

create or replace function crm_sync.health(p_now timestamptz default clock_timestamp())
returns table (check_name text, level text, detail text, mend text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '50ms'
as $$
begin
    return query
    select findings.check_name, findings.level, findings.detail,
           crm_sync._mend_for(findings.mend, coalesce(nullif(current_setting('role'), 'none'), session_user))
    from crm_sync._findings(p_now, crm_sync._checks()) as findings;
end;
$$;

create or replace function crm_sync._mend_for(p_mend text, p_role name)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_beyond text;
begin
    -- The dashboard's callers run none of it in any case.
    if p_mend is null or not (pg_has_role(p_role, 'crm_sync_reader', 'usage') or pg_has_role(p_role, 'crm_sync_operator', 'usage')) then
        return p_mend;
    end if;
    select string_agg(beyond.name, ', ' order by beyond.name) into v_beyond
    from (
        select named.name || '()' as name
        from (select distinct matches.match[1] as name from regexp_matches(p_mend, 'crm_sync\.([a-z_]+)\(', 'g') as matches (match)) as named
        where not exists (
            select from pg_catalog.pg_proc as functions
            where functions.pronamespace = 'crm_sync'::regnamespace and functions.proname = named.name
              and has_function_privilege(p_role, functions.oid, 'execute'))
        union
        select matches.match[2]
        from regexp_matches(p_mend, '(update|delete) (?:from )?crm_sync\.([a-z_]+)', 'g') as matches (match)
        where not has_table_privilege(p_role, to_regclass('crm_sync.' || matches.match[2]), matches.match[1])
    ) as beyond;
    return p_mend || coalesce(' It takes more rights than yours: ' || v_beyond || '.', '');
end;
$$;

create or replace function crm_sync._checks()
returns text[]
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select array[
        'running', 'platform', 'secrets', 'pg_net_worker', 'pg_net_queue', 'cron_jobs', 'cron_runs', 'cron_history', 'tick',
        'function', 'signature', 'breakers', 'paused', 'backlog', 'tried_in_vain', 'envelopes', 'dead_letters', 'silence',
        'triggers', 'columns', 'capture_failures', 'unstored_changes', 'missing_rows', 'faults', 'restored_copy', 'alerts'
    ];
$$;

create or replace function crm_sync._checked(p_check text, p_now timestamptz)
returns crm_sync.finding
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return case p_check
        when 'running' then crm_sync._check_running(p_now)
        when 'platform' then crm_sync._check_platform()
        when 'secrets' then crm_sync._check_secrets()
        when 'pg_net_worker' then crm_sync._check_pg_net_worker()
        when 'pg_net_queue' then crm_sync._check_pg_net_queue(p_now)
        when 'cron_jobs' then crm_sync._check_cron_jobs()
        when 'cron_runs' then crm_sync._check_cron_runs(p_now)
        when 'cron_history' then crm_sync._check_cron_history()
        when 'tick' then crm_sync._check_tick(p_now)
        when 'function' then crm_sync._check_function(p_now)
        when 'signature' then crm_sync._check_signature()
        when 'breakers' then crm_sync._check_breakers(p_now)
        when 'paused' then crm_sync._check_paused()
        when 'backlog' then crm_sync._check_backlog(p_now)
        when 'tried_in_vain' then crm_sync._check_tried_in_vain(p_now)
        when 'envelopes' then crm_sync._check_envelopes(p_now)
        when 'dead_letters' then crm_sync._check_dead_letters()
        when 'silence' then crm_sync._check_silence(p_now)
        when 'triggers' then crm_sync._check_triggers()
        when 'columns' then crm_sync._check_columns()
        when 'capture_failures' then crm_sync._check_capture_failures(p_now)
        when 'unstored_changes' then crm_sync._check_unstored_changes()
        when 'missing_rows' then crm_sync._check_missing_rows(p_now)
        when 'faults' then crm_sync._check_faults(p_now)
        when 'restored_copy' then crm_sync._check_restored_copy()
        when 'alerts' then crm_sync._check_alerts(p_now)
    end;
exception when others then
    return row('unknown', format('could not look (SQLSTATE %s)', sqlstate), case
        when sqlstate = '55P03' then 'Another session holds a lock; look again.'
        else 'See the check "platform".'
    end, null, null)::crm_sync.finding;
end;
$$;

comment on function crm_sync.health(timestamptz) is
    'One row per check: level (ok, warning, error, unknown), detail without personal data, and the statement or step that mends it (null: nothing to mend), with what of it the caller''s role may not run. Waits for a lock 50 ms at most, and calls nobody; changes nothing; safe to repeat. Roles: crm_sync_reader, crm_sync_operator. Raises nothing: a check that can not look says unknown.';

comment on function crm_sync._mend_for(text, name) is 'What mends it, for a reader or an operator with what of it their role may not call or change.';

revoke all on function crm_sync.health(timestamptz), crm_sync._mend_for(text, name), crm_sync._checked(text, timestamptz),
    crm_sync._finding(boolean, text, text, text, text, jsonb, text[]), crm_sync._ago(timestamptz, timestamptz),
    crm_sync._span(interval), crm_sync._checks(), crm_sync._findings(timestamptz, text[]) from public;

-- sql/crm_sync/10_observe/health_capture.sql

-- The checks of health() on what capture missed: changes that it could not write, or not even store, rows without a delivery,
-- and errors that our own code caught.

create or replace function crm_sync._check_capture_failures(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_failed record;
begin
    select count(*) as count, min(failures.failed_at) as oldest_at,
           string_agg(distinct format('%s (SQLSTATE %s)', failures.table_name, failures.sql_state), ', ') as tables,
           min(failures.detail) as detail
    into v_failed
    from crm_sync.capture_failures as failures
    -- What was left to the tick on purpose is in time until then.
    where failures.sql_state <> 'CS064'
       or failures.failed_at < p_now - (select settings.backlog_age_limit from crm_sync.settings);
    return crm_sync._finding(
        v_failed.count = 0, 'none', 'error',
        format('%s statements wait to be captured, the oldest for %s: %s', v_failed.count,
               crm_sync._span(p_now - v_failed.oldest_at), concat_ws(': ', v_failed.tables, v_failed.detail)),
        'They are kept and captured by the tick once the cause is gone; a table that was changed: see the check "columns". A lock (55P03) ends by itself. Written under serializable (CS064): see the check "tick". A table that was renamed: select crm_sync.reattach(); A table that was detached (CS038): attach it again, or give them up: delete from crm_sync.capture_failures where table_name = …;',
        jsonb_build_object('', v_failed.count));
end;
$$;

comment on function crm_sync._check_capture_failures(timestamptz) is 'Check: nothing waits to be captured, but what was written under serializable, for settings.backlog_age_limit.';

revoke all on function crm_sync._check_capture_failures(timestamptz), crm_sync._check_unstored_changes(),
    crm_sync._check_missing_rows(timestamptz), crm_sync._check_faults(timestamptz) from public;

-- sql/crm_sync/10_observe/health_deliveries.sql

create or replace function crm_sync._check_backlog(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_limit    interval := (select settings.backlog_age_limit from crm_sync.settings);
    v_late     text;
    v_concerns jsonb;
begin
    -- What waits for a stop, a pause or a breaker, or on a copy, waits for a reason that has a check of its own.
    select string_agg(format('%s: due for %s', open.destination, crm_sync._span(p_now - oldest.next_attempt_at)), '; ' order by open.destination),
           jsonb_object_agg(open.destination, null)
    into v_late, v_concerns
    from crm_sync._destinations_in_service() as open (destination)
    cross join lateral (
        select deliveries.next_attempt_at
        from crm_sync.deliveries
        where deliveries.destination = open.destination
          and deliveries.status = 'pending' and not deliveries.is_parked and not deliveries.is_backfill
        order by deliveries.next_attempt_at
        limit 1
    ) as oldest
    where oldest.next_attempt_at < p_now - v_limit;
    return crm_sync._finding(
        v_late is null, 'nothing is due for longer than ' || v_limit, 'error', v_late,
        'select * from crm_sync.route_health; does the tick dispatch? select * from crm_sync.tick(); is a rate or limit too low? select * from crm_sync.destinations; does an operator''s open transaction hold keys? select pid, state, xact_start, query from pg_stat_activity where pid in (select pid from pg_locks where locktype = ''advisory'' and classid = 1129467219) order by xact_start;', v_concerns,
        array(select destinations.destination from crm_sync.destinations
              where destinations.destination not in (select open.destination from crm_sync._destinations_in_service() as open (destination))));
end;
$$;

create or replace function crm_sync._check_tried_in_vain(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_vain         text;
    v_concerns     jsonb;
    v_wants_person boolean;
begin
    -- While its receiver takes others; of one that takes nobody its breaker tells. What used up no attempt never goes dead, nor
    -- does what can not be read: it would wait, and keep its key waiting, unseen.
    select string_agg(format('%s of %s for %s (%s)', vain.count, vain.route, crm_sync._span(p_now - vain.oldest_at), vain.codes),
                      '; ' order by vain.route),
           jsonb_object_agg(vain.route, vain.count),
           bool_or(vain.wants_person)
    into v_vain, v_concerns, v_wants_person
    from (
        select tried.route, count(*) as count, min(tried.since) as oldest_at, bool_or(tried.waits) as wants_person,
               string_agg(distinct coalesce(tried.last_error_code, tried.last_outcome), ', ') as codes
        from (
            select deliveries.*, coalesce(deliveries.claimed_at, deliveries.captured_at) as since,
                   deliveries.claimed_at is null or deliveries.wait_count >= 3 and (deliveries.last_outcome = 'misconfigured' or deliveries.last_error_code = 'expired') as waits
            from crm_sync.deliveries
            where deliveries.status = 'pending' and not deliveries.is_parked
              and deliveries.destination in (select * from crm_sync._destinations_in_service())
              and (deliveries.claimed_at is not null or deliveries.last_error_code = 'record_not_built')
        ) as tried
        where tried.since < p_now - (select settings.backlog_age_limit from crm_sync.settings)
          and (tried.waits or tried.attempt_count >= 5)
        group by tried.route
    ) as vain;
    return crm_sync._finding(
        v_vain is null, 'nothing that was tried still waits for long', case when v_wants_person then 'error' else 'warning' end, v_vain,
        'Which, and what was said: select delivery_id, route, row_id, last_status, last_error_code, last_error from crm_sync.delivery_log where status = ''pending'' and last_error_code is not null order by delivery_id; receiver_status_401, 403: the receiver''s key; 404, 405, 410: its URL, or it has no such endpoint; expired: the clocks of database and function differ; internal_error: the function''s log; record_not_built: its row can not be read, crm_sync.faults has why. They go on by themselves then; what waits behind one on its key is let through by select * from crm_sync.cancel(array[…]);',
        v_concerns,
        array(select routes.route from crm_sync.routes
              where routes.destination not in (select * from crm_sync._destinations_in_service())));
end;
$$;

comment on function crm_sync._check_tried_in_vain(timestamptz) is
    'Check: nothing is tried again and again while its receiver takes others: three times with an answer that uses up no attempt, or read in vain (an error: it would wait for ever), or five times with one that does (a warning).';

revoke all on function crm_sync._function_complaint(), crm_sync._is_about_signature(text), crm_sync._check_function(timestamptz),
    crm_sync._check_signature(), crm_sync._check_breakers(timestamptz), crm_sync._check_paused(),
    crm_sync._check_backlog(timestamptz), crm_sync._check_tried_in_vain(timestamptz), crm_sync._destinations_in_service(), crm_sync._check_envelopes(timestamptz),
    crm_sync._check_dead_letters(), crm_sync._check_silence(timestamptz),
    crm_sync._route_gaps(timestamptz, int), crm_sync._check_alerts(timestamptz) from public;

-- sql/crm_sync/10_observe/health_platform.sql

create or replace function crm_sync._check_cron_runs(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_failing  text;
    v_concerns jsonb;
begin
    select string_agg(format('%s, last %s', jobs.jobname, crm_sync._ago(last.start_time, p_now)), '; ' order by jobs.jobname),
           jsonb_object_agg(jobs.jobname, null)
    into v_failing, v_concerns
    from cron.job as jobs
    cross join lateral (
        select runs.start_time
        from cron.job_run_details as runs
        where runs.jobid = jobs.jobid and runs.status = 'failed'
        order by runs.runid desc
        limit 1
    ) as last
    where jobs.jobname in (select wanted.job from crm_sync._wanted_jobs() as wanted) and crm_sync._runs_fail(jobs.jobid, p_now);
    return crm_sync._finding(
        v_failing is null, 'no last run failed', 'error', 'the last run failed: ' || v_failing,
        'select command, return_message, start_time from cron.job_run_details where status = ''failed'' order by runid desc limit 10;', v_concerns);
end;
$$;

create or replace function crm_sync._runs_fail(p_jobid bigint, p_now timestamptz)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_statuses  text[];
    v_oldest_at timestamptz;
begin
    select array_agg(runs.status order by runs.runid desc), min(coalesce(runs.end_time, runs.start_time))
    into v_statuses, v_oldest_at
    from (
        select * from cron.job_run_details as ever
        where ever.jobid = p_jobid and ever.status in ('succeeded', 'failed', 'running')
        order by ever.runid desc
        limit 4
    ) as runs;
    -- One that goes on may take a minute, and came after the one that failed; after three it is likely to be the fourth. Within
    -- the hour for which purge() keeps what succeeded: before that there may have been one between them.
    return coalesce(
        v_statuses[1] = 'failed'
            or (v_statuses = '{running,failed,failed,failed}' and v_oldest_at > p_now - interval '1 hour'),
        false);
end;
$$;

create or replace function crm_sync._check_tick(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_job   record;
    v_last  timestamptz;
    v_limit interval;
begin
    select jobs.jobid, jobs.schedule into v_job from cron.job as jobs where jobs.jobname = 'crm_sync_tick' and jobs.active limit 1;
    if v_job.jobid is null then
        return row('ok', 'not scheduled: see cron_jobs', null, null, '{""}')::crm_sync.finding;
    end if;
    v_limit := case when v_job.schedule ~ 'second' then interval '1 minute' else interval '15 minutes' end;
    -- While requests are under way one run ticks again and again, each time in a transaction of its own.
    select greatest(runs.start_time, sessions.xact_start) into v_last
    from cron.job_run_details as runs
    left join pg_stat_activity as sessions
      on sessions.pid = runs.job_pid and runs.status = 'running' and sessions.backend_start <= runs.start_time
    -- One that is still connecting has not begun.
    where runs.jobid = v_job.jobid and runs.status <> 'failed' and runs.start_time is not null
      and (runs.status = 'succeeded' or not crm_sync._runs_fail(v_job.jobid, p_now))
    order by runs.runid desc
    limit 1;
    if v_last is null and current_setting('cron.log_run', true) = 'off' then
        return row('unknown', 'pg_cron keeps no history (cron.log_run = off)', 'cron.log_run = on', null, null)::crm_sync.finding;
    end if;
    return crm_sync._finding(
        coalesce(v_last, (select max(operations.operated_at) from crm_sync.operations where operations.action = 'start')) > p_now - v_limit,
        case when v_last is null then 'started, the first tick is to come' else 'last tick ' || crm_sync._ago(v_last, p_now) end, 'error',
        'last tick ' || crm_sync._ago(v_last, p_now),
        'Is pg_cron at work? select * from cron.job_run_details order by runid desc limit 5; does a tick hang? select pid, wait_event, query from pg_stat_activity where query like ''%crm_sync.tick%''; by hand: select * from crm_sync.tick();');
end;
$$;

comment on function crm_sync._check_cron_runs(timestamptz) is 'Check: the last run of none of them failed, nor the last three before one that goes on.';

comment on function crm_sync._runs_fail(bigint, timestamptz) is 'Whether the last run of a job failed, or the last three before one that goes on.';

revoke all on function crm_sync._check_running(timestamptz), crm_sync._check_platform(), crm_sync._check_secrets(),
    crm_sync._check_pg_net_worker(), crm_sync._check_pg_net_queue(timestamptz), crm_sync._check_cron_jobs(),
    crm_sync._check_cron_runs(timestamptz), crm_sync._runs_fail(bigint, timestamptz), crm_sync._check_cron_history(int), crm_sync._check_tick(timestamptz),
    crm_sync._check_restored_copy() from public;

-- sql/crm_sync/10_observe/health_tables.sql

revoke all on function crm_sync._check_triggers(), crm_sync._wrong_triggers(), crm_sync._check_columns(),
    crm_sync._partition_of(text), crm_sync._tables_that_are_gone(), crm_sync._tables_not_read(),
    crm_sync._missing_columns(text), crm_sync._why_not_captured(text) from public;

-- sql/crm_sync/10_observe/row_status.sql

-- How a row stands, in a few words for the office. Of several routes the one that needs somebody comes first, then what
-- waits, then the newest. Definer: readers have no rights on the ledger's other tables.

create or replace function crm_sync.row_status(p_table regclass, p_row_id text, p_now timestamptz default clock_timestamp())
returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name text := crm_sync._table_name(p_table);
    v_row_id     text := crm_sync._required_row_id(p_table, p_row_id);
    v_delivery   crm_sync.deliveries;
begin
    select newest.* into v_delivery
    from (
        select distinct on (deliveries.route) deliveries.*
        from crm_sync.deliveries
        where deliveries.row_id = v_row_id and deliveries.table_name = v_table_name
        order by deliveries.route, deliveries.delivery_id desc
    ) as newest
    order by array_position(array['dead', 'pending', 'in_flight', 'delivered', 'superseded', 'cancelled'], newest.status),
             newest.delivery_id desc
    limit 1;
    if exists (
        select from crm_sync.capture_failures as failures
        where failures.table_name = v_table_name and v_row_id = any (failures.row_ids)
    ) then
        return 'waiting: its last change is still to be captured';
    end if;
    return case v_delivery.status
        when 'delivered' then 'delivered ' || crm_sync._office_time(v_delivery.finished_at, p_now)
        when 'in_flight' then 'being sent'
        when 'pending' then 'waiting: ' || crm_sync._why_waiting(v_delivery, p_now)
        when 'dead' then crm_sync._why_dead(v_delivery)
        when 'superseded' then 'delivered with a newer change'
        when 'cancelled' then 'not sent: ' || coalesce(replace(v_delivery.last_error_code, '_', ' '), 'cancelled')
        else 'nothing to send'
    end;
end;
$$;

comment on function crm_sync.row_status(regclass, text, timestamptz) is
    'A few words on a row: ''delivered 14:02'', ''waiting: monelec down since 13:50'', ''needs correction: quantity'', ''nothing to send''. Times by settings.office_time_zone, with the date unless it is today. Changes nothing; no personal data. Roles: crm_sync_reader, crm_sync_operator; for the dashboard public.crm_sync_row_status(). Errors: CS023 nothing is captured from this table, CS056 its key can not be that.';

-- sql/crm_sync/10_observe/trace.sql

-- The life of one row: every delivery of it and every attempt, in order, and what an operator did to them.
-- Definer: readers have no rights on the ledger's other tables. No personal data.

create or replace function crm_sync.trace(p_table regclass, p_row_id text)
returns table (at timestamptz, delivery_id bigint, route text, step text, detail text)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name text := crm_sync._table_name(p_table);
    v_row_id     text := crm_sync._required_row_id(p_table, p_row_id);
    v_ids        bigint[] := crm_sync._deliveries_telling_of(p_table, v_row_id);
begin
    return query
    select steps.at, steps.delivery_id, steps.route, steps.step, nullif(steps.detail, '')
    from (
        select * from crm_sync._captures_of(v_ids)
        union all
        select * from crm_sync._attempts_of(v_ids)
        union all
        select * from crm_sync._states_of(v_ids)
        union all
        select * from crm_sync._operations_on(v_ids, v_table_name, v_row_id)
        union all
        select failures.failed_at, null, null, 'missed by capture',
               format('SQLSTATE %s; captured again from %s on', failures.sql_state, failures.next_retry_at)
        from crm_sync.capture_failures as failures
        where failures.table_name = v_table_name and v_row_id = any (failures.row_ids)
    ) as steps (at, delivery_id, route, step, detail)
    order by steps.at, steps.delivery_id;
end;
$$;

comment on function crm_sync.trace(regclass, text) is
    'What happened to a row, in order of time: captured, each attempt with outcome, status and error, waits or how it ended, and each operator''s call. Of a row whose values others tell of (a customer), theirs, as long as it is there: of one that is gone, its own alone. Changes nothing; no personal data. Roles: crm_sync_reader, crm_sync_operator. Errors: CS023 nothing is captured from this table, CS056 its key can not be that. No rows: nothing of this row was ever captured.';

-- sql/crm_sync/11_schedule/jobs.sql

-- What start() gives pg_cron to do. health() compares it with what pg_cron has, and an upgrade brings that up to date.

create or replace function crm_sync._wanted_jobs(p_every text default null)
returns table (job text, schedule text, command text)
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    values ('crm_sync_tick', p_every, crm_sync._tick_command()),
           ('crm_sync_wake', '*/10 * * * *', crm_sync._under_read_committed('crm_sync', 'perform crm_sync._wake_forgotten_keys();')),
           ('crm_sync_alert', '* * * * *', crm_sync._under_read_committed('crm_sync', 'perform crm_sync.alert();')),
           ('crm_sync_purge', '17 * * * *', crm_sync._purge_command()),
           ('crm_sync_repair', '43 4 * * *', crm_sync._under_read_committed('crm_sync', 'perform crm_sync.repair_missing();'));
end;
$$;

create or replace function crm_sync._under_read_committed(p_tag text, p_statements text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    -- Elsewhere the tick would not see what it waited for, and the others might end the application's transactions, or be ended
    -- by them. Behind a commit: a block has begun its first transaction with a snapshot, after which none can be set.
    select format('do $%1$s$ begin commit; set transaction isolation level read committed; %2$s end $%1$s$', p_tag, p_statements);
$$;

comment on function crm_sync._under_read_committed(text, text) is 'A command that runs these statements of PL/pgSQL under read committed, whatever the default of the database or the role; one that commits does so with "and chain".';

revoke all on function crm_sync._wanted_jobs(text), crm_sync._under_read_committed(text, text), crm_sync._schedule(text),
    crm_sync._unschedule(), crm_sync._finish_upgrade() from public;

-- sql/crm_sync/11_schedule/start_stop.sql

comment on function crm_sync.stop() is
    'Nothing leaves any more: no tick, no dispatch at commit, our requests still in pg_net''s queue are taken back; without pg_net, or where another session holds what they carry, they stay in flight, and are sent again later. A transaction that was just dispatching when it looked still posts at its commit: called again, it takes that back, too, unless pg_net has it by then. Capture goes on; start() sends what was captured. Waits for a tick that is running, and for whoever changes the settings; for no other operator. Safe to repeat. Role: owner.';

-- sql/crm_sync/11_schedule/tick_again.sql

-- While requests are under way, or changes wait to be captured, pg_cron's one run ticks again and again, each tick a transaction of its own: a quiet site has
-- one tick an interval, a busy one waits neither for pg_cron nor for a new session's plans. The loop is the scheduled command
-- itself (_tick_command): a procedure that commits could not pin its search_path.

create or replace function crm_sync._tick_command()
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select crm_sync._under_read_committed(
        'tick', 'loop perform crm_sync.tick(); commit and chain; exit when not crm_sync._shall_tick_again(); end loop;')
$$;

create or replace function crm_sync._shall_tick_again(p_for interval default '1 minute', p_pause interval default '0.25 seconds')
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Settings before envelopes, as in the tick: whoever alters both meets no deadlock.
    if not crm_sync._has_time_left(p_for)
        or not (select settings.is_running from crm_sync.settings)
        or not exists (select from crm_sync.envelopes where envelopes.status = 'in_flight')
        and not exists (select from crm_sync.capture_failures as failures where failures.next_retry_at <= clock_timestamp()) then
        return false;
    end if;
    perform pg_sleep_for(p_pause);
    -- Once more after the pause: who has called stop() meanwhile meets no tick.
    return (select settings.is_running from crm_sync.settings);
end;
$$;

comment on function crm_sync._shall_tick_again(interval, interval) is
    'Pauses if requests are under way, or changes wait to be captured, and there is time; whether another tick shall follow. The time counts from the statement''s begin.';

-- sql/crm_sync/12_dashboard/definers.sql

-- What the application's dashboard may ask for, with the owner's rights: the only functions of this schema that the data
-- API's roles may execute, and each first looks whether the caller is an administrator.

create or replace function crm_sync.dashboard_deliveries(p_table text, p_row_id text, p_status text, p_before bigint, p_limit int)
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

create or replace function crm_sync.dashboard_redeliver(p_delivery_ids bigint[], p_table text, p_row_id text, p_note text)
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

-- sql/crm_sync/12_dashboard/public.sql

comment on function public.crm_sync_deliveries(text, text, text, bigint, int) is
    'Deliveries, newest first, 50 by default and 1,000 at most; by table, row id and status; p_before: those before this id. No personal data, changes nothing. For administrators (crm_sync.settings.administrator_claim) and the server''s key. Errors: 42501 not an administrator, CS023 nothing is captured from the table, CS024 no such status, CS056 the table''s key can not be that.';

comment on function public.crm_sync_row_status(text, text) is
    'A row in a few words: ''delivered 14:02'', ''waiting: monelec down since 13:50'', ''needs correction: quantity''. Changes nothing. For administrators. Errors: 42501 not an administrator, CS023 nothing is captured from the table, CS056 its key can not be that.';

comment on function public.crm_sync_redeliver(bigint[], text, text, text) is
    'Sends deliveries again, by their ids or the newest of each route of a row; says of each its new status, or why it was refused. Leaves a line in crm_sync.operations. Safe to repeat: what is pending stays so. For administrators. Errors: 42501 not an administrator, CS023 nothing is captured from the table, CS025 neither ids nor a row, CS056 the table''s key can not be that.';

select crm_sync._finish_upgrade();
