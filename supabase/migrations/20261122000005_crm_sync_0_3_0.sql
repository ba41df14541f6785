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
    end if;
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
            (parse_ident(p_table_name))[2], (parse_ident(p_table_name))[1], p_table_name));
end;
$$;

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
set search_path = pg_catalog, pg_temp
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
    v_source text := case when p_attachment.joined is null then '' else format(
        'cross join lateral jsonb_populate_record(null::%s, deliveries.record) as this', p_table_name) end;
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

comment on function crm_sync._record_sql(crm_sync.attachments, text, text) is
    'SQL query: the records of deliveries, and the keys of what they tell, from the table of this name.';

revoke all on function crm_sync._record_function_sql(crm_sync.attachments), crm_sync._record_sql(crm_sync.attachments, text, text),
    crm_sync._records_function_sql() from public;

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

comment on function crm_sync._destinations_left_out() is
    'To whom this transaction''s changes are not sent: all while crm_sync.capture is off, the one that crm_sync.origin names; null: everything is sent. Who may not switch capture off, or misspells either, is warned once a transaction.';

comment on function crm_sync._is_capture_off() is 'Whether crm_sync.capture says off, in any spelling of a switch. Doubts CS063 what is none.';

comment on function crm_sync._doubt(text, text, text, text) is 'Warns the writer, and notes it in crm_sync.faults: what was meant to stay here is sent.';

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
    v_replaced regclass := crm_sync._replaced_table(p_table_name, p_route);
begin
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
set bytea_output = 'hex' set intervalstyle = 'postgres'
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

-- sql/crm_sync/06_dispatch/build_records.sql

-- Builds the records of deliveries that are claimed for the first time. Each route and table has a block of its own:
-- a table that was changed under us holds up its own deliveries and no others.

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
            -- One wait for a locked table is enough, at a commit as in the tick.
            if sqlstate = '55P03' then
                perform set_config('lock_timeout', '1ms', true);
            end if;
            perform crm_sync._note_fault('record of ' || v_group.route || ' from ' || v_group.table_name, sqlstate, sqlerrm);
        end;
    end loop;
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

-- sql/crm_sync/10_observe/health.sql

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

-- sql/crm_sync/10_observe/health_capture.sql

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
    -- While its receiver takes others; of one that takes nobody its breaker tells. What used up no attempt never goes dead:
    -- it would wait, and keep its key waiting, unseen.
    select string_agg(format('%s of %s for %s (%s)', vain.count, vain.route, crm_sync._span(p_now - vain.oldest_at), vain.codes),
                      '; ' order by vain.route),
           jsonb_object_agg(vain.route, vain.count),
           bool_or(vain.wants_person)
    into v_vain, v_concerns, v_wants_person
    from (
        select tried.route, count(*) as count, min(tried.claimed_at) as oldest_at, bool_or(tried.waits) as wants_person,
               string_agg(distinct coalesce(tried.last_error_code, tried.last_outcome), ', ') as codes
        from (
            select deliveries.*,
                   deliveries.wait_count >= 3 and (deliveries.last_outcome = 'misconfigured' or deliveries.last_error_code = 'expired') as waits
            from crm_sync.deliveries
            where deliveries.status = 'pending' and not deliveries.is_parked
              and deliveries.destination in (select * from crm_sync._destinations_in_service())
        ) as tried
        where tried.claimed_at < p_now - (select settings.backlog_age_limit from crm_sync.settings)
          and (tried.waits or tried.attempt_count >= 5)
        group by tried.route
    ) as vain;
    return crm_sync._finding(
        v_vain is null, 'nothing that was tried still waits for long', case when v_wants_person then 'error' else 'warning' end, v_vain,
        'Which, and what was said: select delivery_id, route, row_id, last_status, last_error from crm_sync.delivery_log where status = ''pending'' and last_outcome is not null order by delivery_id; receiver_status_401, 403: the receiver''s key; 404, 405, 410: its URL, or it has no such endpoint; expired: the clocks of database and function differ; internal_error: the function''s log. They go on by themselves then; what waits behind one on its key is let through by select * from crm_sync.cancel(array[…]);',
        v_concerns,
        array(select routes.route from crm_sync.routes
              where routes.destination not in (select * from crm_sync._destinations_in_service())));
end;
$$;

comment on function crm_sync._check_tried_in_vain(timestamptz) is
    'Check: nothing is tried again and again while its receiver takes others: three times with an answer that uses up no attempt (an error: it would wait for ever), or five that do (a warning).';

revoke all on function crm_sync._function_complaint(), crm_sync._is_about_signature(text), crm_sync._check_function(timestamptz),
    crm_sync._check_signature(), crm_sync._check_breakers(timestamptz), crm_sync._check_paused(),
    crm_sync._check_backlog(timestamptz), crm_sync._check_tried_in_vain(timestamptz), crm_sync._destinations_in_service(), crm_sync._check_envelopes(timestamptz),
    crm_sync._check_dead_letters(), crm_sync._check_silence(timestamptz),
    crm_sync._route_gaps(timestamptz, int), crm_sync._check_alerts(timestamptz) from public;

-- sql/crm_sync/10_observe/health_tables.sql

revoke all on function crm_sync._check_triggers(), crm_sync._wrong_triggers(), crm_sync._check_columns(),
    crm_sync._partition_of(text), crm_sync._tables_that_are_gone(), crm_sync._tables_not_read(),
    crm_sync._missing_columns(text), crm_sync._why_not_captured(text) from public;

-- sql/crm_sync/11_schedule/start_stop.sql

comment on function crm_sync.stop() is
    'Nothing leaves any more: no tick, no dispatch at commit, our requests still in pg_net''s queue are taken back; without pg_net, or where another session holds what they carry, they stay in flight, and are sent again later. A transaction that was just dispatching when it looked still posts at its commit: called again, it takes that back, too, unless pg_net has it by then. Capture goes on; start() sends what was captured. Waits for a tick that is running, and for whoever changes the settings; for no other operator. Safe to repeat. Role: owner.';

select crm_sync._finish_upgrade();
