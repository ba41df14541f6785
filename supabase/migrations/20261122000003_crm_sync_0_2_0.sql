-- Generated from sql/crm_sync/ by npm run migrations: from 0.1.0 to 0.2.0. Change the source, not this file.

-- Until this has ended every tick finds the row locked, and ends at once; one that runs is waited for.
select from crm_sync.settings for update;

-- It gets an index and then a policy: locked in two steps, a writer that reads it in between and this would wait for each other.
-- In a block, as the Supabase CLI opens no transaction of its own.
do $$ begin lock table crm_sync.envelopes in access exclusive mode; end $$;

-- The jobs are a table now, with what each does: _wanted_jobs().
drop function if exists crm_sync._jobs();

-- A person's rows are told apart from rows that told of them once: _people(). A missed change is found by its row's place.
drop function if exists crm_sync._person_rows(text, text), crm_sync._erase_missed(regclass, text);

-- A parameter that nobody read.
drop function if exists
    crm_sync._capture_related(timestamptz), crm_sync._check_platform(timestamptz), crm_sync._check_secrets(timestamptz),
    crm_sync._check_pg_net_worker(timestamptz), crm_sync._check_cron_jobs(timestamptz), crm_sync._check_cron_history(timestamptz, int),
    crm_sync._check_signature(timestamptz), crm_sync._check_paused(timestamptz), crm_sync._check_dead_letters(timestamptz),
    crm_sync._check_triggers(timestamptz), crm_sync._check_columns(timestamptz), crm_sync._check_unstored_changes(timestamptz),
    crm_sync._check_restored_copy(timestamptz);

-- Which rows a backfill takes is asked with the route's condition: _rows_that_fire_sql().
drop function if exists crm_sync._rows_changed_since(text, timestamptz, int);

-- It may be told of which table.
drop function if exists crm_sync.backfill(text, text[], timestamptz, int, text);

-- It also finds what nobody can decide.
drop function if exists crm_sync._missing_sql(crm_sync.attachments);

-- A row that was never updated changed when it was created: two columns may tell.
drop function if exists crm_sync._changed_at_column(regclass);

-- All of a person's rows at once: _erase_uncaptured().
drop function if exists crm_sync._erase_waiting(text, text);

-- Whom capture = 'off' or an origin left out is left out also of what capture could not write.
-- instead of: create table crm_sync.capture_failures (
alter table crm_sync.capture_failures
    add column if not exists left_out text[], add column if not exists left_out_as text,
    -- And it knows its table again, whatever that is called by then.
    add column if not exists table_oid oid;
drop function if exists crm_sync._capture_failed(text, text, jsonb, jsonb, text[], text, text);

-- It says what it drops: _drop_idle().
drop function if exists crm_sync._take_off(text);

-- Done by hand, SHA-256 151478de2da39b699471efed22a504456c1626fd21b8c8fe344365aa2c1892e0: create table crm_sync.capture_failures (

-- sql/crm_sync/01_setup/version.sql

-- Which release this is: package.json has the same, and a check compares them.

create or replace function crm_sync.version()
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select '0.2.0'
$$;

-- sql/crm_sync/02_settings/secrets.sql

create or replace function crm_sync._function_access()
returns crm_sync.function_access
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select row(
            max(secrets.value) filter (where secrets.name = 'crm_sync_function_url'),
            regexp_split_to_array(max(secrets.value) filter (where secrets.name = 'crm_sync_signing_secret'), '[[:space:]]+')
        )::crm_sync.function_access
        from (
            select decrypted.name, nullif(btrim(decrypted.decrypted_secret, e' \t\n\r'), '') as value
            from vault.decrypted_secrets as decrypted
            where decrypted.name in ('crm_sync_function_url', 'crm_sync_signing_secret')
        ) as secrets
    );
end;
$$;

-- sql/crm_sync/03_routes/routes_of_tables.sql

create or replace function crm_sync._attached_tables()
returns setof text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select attachments.table_name from crm_sync.attachments
    union
    select related.table_name from crm_sync.related_attachments as related
    order by 1;
$$;

comment on function crm_sync._attached_tables() is 'Every table from which something is captured, also for the sake of others'' rows, by name.';

revoke all on function crm_sync._attached_tables() from public;

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
            when current_setting('crm_sync.capture', true) = 'off' then 'capture_off'
            else 'from_origin'
        end,
        p_table_oid
    );
exception when others then
    perform nextval('crm_sync.unstored_changes');
    raise log 'crm-sync: rows of % missed by capture (SQLSTATE %) and not stored (SQLSTATE %)', p_table_name, p_sql_state, sqlstate;
end;
$$;

comment on column crm_sync.capture_failures.left_out is 'Destinations that are not told, by crm_sync.capture or crm_sync.origin of the transaction; null: all are.';

comment on column crm_sync.capture_failures.left_out_as is 'Under which error code their deliveries are cancelled: capture_off, from_origin.';

comment on column crm_sync.capture_failures.table_oid is 'By which the table is known again if it bears another name by then.';

comment on function crm_sync._capture_failed(text, text, jsonb, jsonb, text[], text, text, text[], oid) is
    'Stores a statement''s changes for the tick, or leaves word that it could not.';

revoke all on function crm_sync._capture_failed(text, text, jsonb, jsonb, text[], text, text, text[], oid) from public;

create policy capture_failures_are_for_the_owner_alone on crm_sync.capture_failures
    using (false);

-- sql/crm_sync/04_ledger/delivery_attempts.sql

create policy delivery_attempts_are_for_the_owner_alone on crm_sync.delivery_attempts
    using (false);

-- sql/crm_sync/04_ledger/envelopes.sql

create index envelopes_settled_idx on crm_sync.envelopes (settled_at)
    where settled_at is not null;

create policy envelopes_are_for_the_owner_alone on crm_sync.envelopes
    using (false);

-- sql/crm_sync/04_ledger/faults.sql

create policy faults_are_for_the_owner_alone on crm_sync.faults
    using (false);

-- sql/crm_sync/04_ledger/related_changes.sql

comment on column crm_sync.related_changes.horizon is
    '0 from the first look to the next tick, then that one''s id. Transactions older than this may have read the row before its change; looked at once more when all have ended.';

create policy related_changes_are_for_the_owner_alone on crm_sync.related_changes
    using (false);

-- sql/crm_sync/04_ledger/unstored_changes.sql

comment on column crm_sync.unstored_seen.horizon is '0 from the first look to the next tick, then that one''s id. The second look is due when every transaction older than this has ended: a missed change may not be committed yet.';

create policy unstored_seen_is_for_the_owner_alone on crm_sync.unstored_seen
    using (false);

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
    insert into crm_sync.attachments (table_name, route, watched, columns, ordering_key, condition, transition, joined)
    values (crm_sync._table_name(p_table), p_route, p_watched, v_columns, p_ordering_key, p_condition, p_transition, p_joined)
    on conflict (table_name, route) do update
    set watched = excluded.watched, columns = excluded.columns, ordering_key = excluded.ordering_key,
        condition = excluded.condition, transition = excluded.transition, joined = excluded.joined
    returning * into v_attachment;
    perform crm_sync._reattach_table(v_attachment.table_name);
    perform crm_sync._require_evaluable(v_attachment.table_name);
    return v_attachment;
end;
$$;

create or replace function crm_sync.attach_related(
    p_table regclass, p_route text, p_target regclass, p_watched text[], p_affected text
)
returns crm_sync.related_attachments
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_related crm_sync.related_attachments;
begin
    perform crm_sync._one_at_a_time();
    perform crm_sync._require_attachable(p_table, p_watched, p_watched);
    perform crm_sync._warn_of_parts(p_table);
    perform crm_sync._follow_if_renamed(p_table);
    perform crm_sync._follow_if_renamed(p_target);
    if not exists (
        select from crm_sync.attachments
        where attachments.table_name = crm_sync._table_name(p_target) and attachments.route = p_route
    ) then
        raise exception 'route "%" is not attached to %', p_route, p_target
            using errcode = 'CS003', hint = format('attach(%L, %L, …) first', p_target, p_route);
    end if;
    insert into crm_sync.related_attachments (table_name, route, target_table, watched, affected)
    values (crm_sync._table_name(p_table), p_route, crm_sync._table_name(p_target), p_watched, p_affected)
    on conflict (table_name, route) do update
    set target_table = excluded.target_table, watched = excluded.watched, affected = excluded.affected
    returning * into v_related;
    perform crm_sync._reattach_table(v_related.table_name);
    perform crm_sync._require_evaluable(v_related.table_name);
    return v_related;
end;
$$;

create or replace function crm_sync._warn_of_parts(p_table regclass, p_remedy text default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_parts text := (
        select case
            when classes.relkind = 'p' then 'partitions'
            when exists (select from pg_catalog.pg_inherits as parts where parts.inhparent = classes.oid) then 'children'
        end
        from pg_catalog.pg_class as classes
        where classes.oid = p_table
    );
begin
    -- A statement fires the statement triggers of the table that it names, and of no other.
    if v_parts is not null then
        raise warning '% has %: what is written straight into one of them is not captured', p_table, v_parts
            using errcode = 'CS054', hint = concat_ws(' ', format('Write to %s itself.', p_table), p_remedy);
    end if;
end;
$$;

comment on function crm_sync.attach(regclass, text, text[], text, text, text, text[], text) is
    'Captures changes of a table for a route. Watched columns; SQL over new for the ordering key and the condition; over new and old (all null on insert) for the transition; the columns of the record (default: primary key and watched); joined: a jsonb object over this. Safe to repeat: the newest call counts. Warns (CS054) of a partitioned table, or one with children. Errors: CS002 unknown route, CS004 table or column unfit, 55P03 the table could not be locked within 5 s. Role: owner of the table.';

comment on function crm_sync._warn_of_parts(regclass, text) is 'Warns where rows may be written past the triggers: straight into a partition, or a child that inherits.';

revoke all on function crm_sync.attach(regclass, text, text[], text, text, text, text[], text),
    crm_sync.attach_related(regclass, text, regclass, text[], text), crm_sync._require_attachable(regclass, text[], text[]),
    crm_sync._warn_of_parts(regclass, text), crm_sync._require_evaluable(text) from public;

-- sql/crm_sync/05_capture/catalog.sql

-- Reads the catalog for attach(): names, primary keys, and how two values of a column are compared.

create or replace function crm_sync._table_name(p_table regclass)
returns text
language sql
stable
-- Or a name would be quoted that stands unquoted in the ledger.
set search_path = pg_catalog, pg_temp set quote_all_identifiers = 'off'
as $$
    select format('%I.%I', namespaces.nspname, classes.relname)
    from pg_catalog.pg_class as classes
    join pg_catalog.pg_namespace as namespaces on namespaces.oid = classes.relnamespace
    where classes.oid = p_table;
$$;

create or replace function crm_sync._changed_sql(p_table regclass, p_columns text[])
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- json, xml, point and their like have no equality that `is distinct from` can use, and an extension's, as hstore's, is
    -- out of the search_path: compared as text. So are intervals: a month is equal to thirty days.
    select string_agg(
        case when exists (
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
    where attributes.attrelid = p_table
      and attributes.attname = any (p_columns)
      and not attributes.attisdropped;
$$;

-- sql/crm_sync/05_capture/change_times.sql

-- When a row changed and when it was made, as far as its table tells: for find_missing(), backfill() and what searches by them.

create or replace function crm_sync._change_times(p_table regclass)
returns table (column_name text, counts_if text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A row that was never updated was changed when it was created. Two plain columns, not one coalesce(): indexes serve.
    return query
    with times as (
        select attributes.attname::text as name, attributes.attnotnull as is_always_there
        from pg_catalog.pg_attribute as attributes
        where attributes.attrelid = p_table
          and attributes.attname in ('updated_at', 'created_at')
          and attributes.atttypid in ('timestamptz'::regtype, 'timestamp'::regtype)
          and not attributes.attisdropped
    )
    select times.name, case when times.name = 'created_at' and updated.name is not null then 'new.updated_at is null' else 'true' end
    from times
    left join times as updated on updated.name = 'updated_at'
    where times.name = 'updated_at' or updated.is_always_there is not true;
end;
$$;

create or replace function crm_sync._required_change_times(p_table regclass)
returns table (column_name text, counts_if text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query select times.column_name, times.counts_if from crm_sync._change_times(p_table) as times;
    if not found then
        raise exception '% has neither updated_at nor created_at', p_table
            using errcode = 'CS022', hint = 'Name the rows: backfill(route, p_row_ids => array[…]).';
    end if;
end;
$$;

create or replace function crm_sync._knows_birth(p_table regclass)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (
        select from pg_catalog.pg_attribute as attributes
        where attributes.attrelid = p_table and attributes.attname = 'created_at'
          and attributes.atttypid in ('timestamptz'::regtype, 'timestamp'::regtype) and not attributes.attisdropped
    );
end;
$$;

create or replace function crm_sync._is_quick_to_search(p_table_name text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A small table, or one with an index that begins with the time of change, or with each of the two. A parent's index does
    -- not hold its children's rows; a partitioned table's does.
    return exists (
        select from pg_catalog.pg_class as classes
        where classes.oid = to_regclass(p_table_name)
          and exists (select from crm_sync._change_times(classes.oid))
          and (classes.relkind = 'p' or not exists (select from pg_catalog.pg_inherits as parts where parts.inhparent = classes.oid))
          and (classes.relkind = 'r' and pg_relation_size(classes.oid) <= 50000000
               or not exists (
                   select from crm_sync._change_times(classes.oid) as times
                   join pg_catalog.pg_attribute as attributes
                     on attributes.attrelid = classes.oid and attributes.attname = times.column_name
                   where not exists (
                       select from pg_catalog.pg_index as indexes
                       where indexes.indrelid = classes.oid and indexes.indkey[0] = attributes.attnum
                         and indexes.indisvalid and indexes.indpred is null)))
    );
end;
$$;

comment on function crm_sync._change_times(regclass) is
    'The columns that tell when a row changed, each with an SQL condition over new: updated_at; created_at of rows where that is null, or where there is none. No rows: nothing tells.';

comment on function crm_sync._required_change_times(regclass) is 'The same. Error: CS022 nothing tells.';

comment on function crm_sync._knows_birth(regclass) is 'Whether the table''s rows tell when they were created.';

comment on function crm_sync._is_quick_to_search(text) is 'Whether looking for the rows of the last day is possible, and cheap.';

revoke all on function crm_sync._change_times(regclass), crm_sync._required_change_times(regclass), crm_sync._knows_birth(regclass),
    crm_sync._is_quick_to_search(text) from public;

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
    perform crm_sync._follow_if_renamed(p_table);
    return query select * from crm_sync._detach(crm_sync._table_name(p_table), p_route);
end;
$$;

create or replace function crm_sync.forget(p_table_name text)
returns setof crm_sync.attachments
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_new_name text;
begin
    perform crm_sync._one_at_a_time();
    if crm_sync._is_table(p_table_name) then
        raise exception '% is there', p_table_name
            using errcode = 'CS039', hint = format('select crm_sync.detach(%L);', p_table_name);
    end if;
    if p_table_name not in (select * from crm_sync._attached_tables())
       and not exists (select from crm_sync.deliveries where deliveries.table_name = p_table_name)
    then
        raise exception 'nothing was ever captured from "%"', p_table_name
            using errcode = 'CS055', hint = 'Named as in crm_sync.attachments: schema.table.';
    end if;
    select renamed.table_name into v_new_name
    from crm_sync._renamed_tables() as renamed
    where renamed.former_name = p_table_name and renamed.is_certain;
    -- Its rows are there: what was captured of them is still sent.
    if v_new_name is not null then
        perform crm_sync._follow_rename(p_table_name, v_new_name);
        return query select * from crm_sync._detach(v_new_name, null);
        return;
    end if;
    return query select * from crm_sync._detach(p_table_name, null);
    perform crm_sync._give_up_unread(p_table_name);
end;
$$;

create or replace function crm_sync._give_up_unread(p_table_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ids   bigint[] := crm_sync._unreadable(p_table_name);
    v_count int;
begin
    v_count := cardinality(crm_sync._cancel(v_ids, array['pending'], 'table_gone'));
    perform crm_sync._note_operation('forget', jsonb_build_object('table', p_table_name), v_count);
    if v_count > 0 then
        raise warning '% deliveries of % are cancelled: nobody has read them, and their table is gone', v_count, p_table_name
            using errcode = 'CS053', hint = format(
                'Which: select * from crm_sync.delivery_log where table_name = %L and last_error_code = ''table_gone'';', p_table_name);
    end if;
end;
$$;

create or replace function crm_sync._unreadable(p_table_name text)
returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_route      text;
    v_ids        bigint[];
    v_unreadable bigint[] := array[]::bigint[];
begin
    for v_route, v_ids in
        select deliveries.route, array_agg(deliveries.delivery_id)
        from crm_sync.deliveries
        where deliveries.table_name = p_table_name and deliveries.status = 'pending' and deliveries.claimed_at is null
        group by deliveries.route
    loop
        begin
            -- Of no delivery at all: that the table, its row type or its schema is gone shows at once.
            perform from crm_sync._records(p_table_name, v_route, '{}');
        exception when undefined_table or undefined_object or invalid_schema_name or undefined_function then
            v_unreadable := v_unreadable || v_ids;
        end;
    end loop;
    return v_unreadable;
end;
$$;

create or replace function crm_sync._detach(p_table_name text, p_route text)
returns setof crm_sync.attachments
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '3s'
as $$
declare
    v_detached crm_sync.attachments[];
    v_tables   text[];
    v_left     text;
begin
    -- Tables whose changes count as changes of this one lose their attachment with it.
    with related as (
        delete from crm_sync.related_attachments as related
        where p_table_name in (related.table_name, related.target_table)
          and related.route = coalesce(p_route, related.route)
        returning related.table_name
    )
    select array_agg(touched.table_name order by touched.table_name) into v_tables
    from (select related.table_name from related union select p_table_name) as touched (table_name);
    with detached as (
        delete from crm_sync.attachments
        where attachments.table_name = p_table_name and attachments.route = coalesce(p_route, attachments.route)
        returning attachments.*
    )
    select array_agg(detached::crm_sync.attachments) into v_detached from detached;
    -- All at once: nobody waits behind one table while we ask for the next.
    perform crm_sync._lock_shortly(
        array(select distinct idle.table_name
              from unnest(v_tables) as tables (name) cross join lateral crm_sync._idle_triggers(tables.name) as idle
              order by 1),
        'access exclusive');
    foreach v_left in array v_tables loop
        perform crm_sync._drop_idle(v_left);
    end loop;
    perform crm_sync._create_generated('_records', crm_sync._records_function_sql());
    return query select * from unnest(v_detached);
end;
$$;

create or replace function crm_sync._drop_idle(p_table_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name text;
    v_trigger    text;
begin
    for v_table_name, v_trigger in select * from crm_sync._idle_triggers(p_table_name) loop
        execute format('drop trigger %I on %s', v_trigger, v_table_name);
    end loop;
    if p_table_name in (select * from crm_sync._attached_tables()) then
        perform crm_sync._reattach_table(p_table_name);
        return;
    end if;
    -- A route's record function stays as long as deliveries of it may wait for their first claim.
    perform crm_sync._drop_generated(p_table_name, '{}');
end;
$$;

create or replace function crm_sync._idle_triggers(p_table_name text)
returns table (table_name text, trigger_name text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- By what they call: a table that took this one's place, or was renamed, may have them.
    return query
    select triggers.table_name, triggers.trigger_name
    from crm_sync._capture_triggers() as triggers
    where triggers.is_own and triggers.table_name = p_table_name
      and not exists (select from crm_sync.attachments where attachments.table_name = p_table_name)
      and (triggers.trigger_name = 'crm_sync_capture_insert'
           or not exists (select from crm_sync.related_attachments as related where related.table_name = p_table_name))
    union all
    select * from crm_sync._strange_triggers(p_table_name);
end;
$$;

create or replace function crm_sync._generated_functions(p_table_name text)
returns setof regprocedure
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select procedures.oid::regprocedure
    from pg_catalog.pg_proc as procedures
    where procedures.pronamespace = 'crm_sync'::regnamespace
      and procedures.proname in (
          crm_sync._generated_name('capture', p_table_name),
          crm_sync._generated_name('recapture', p_table_name),
          crm_sync._generated_name('related', p_table_name)
      );
end;
$$;

comment on function crm_sync.detach(regclass, text) is
    'Takes capture off a table, of one route or of all; returns what was attached. Deliveries already captured are still delivered; of what capture could not write (capture_failures) health() asks what shall become. Safe to repeat. Role: owner of the table. Error: 55P03 the tables that lose a trigger could not be locked within 5 s.';

comment on function crm_sync.forget(text) is
    'Detaches a table that was dropped or renamed, named as in crm_sync.attachments; returns what was attached. What waits and has its record, as an event has, is still sent, of a renamed one all, under its new name; the rest is cancelled (table_gone), with a warning (CS053) of how many. Safe to repeat. Role: owner. Errors: CS039 the table is there, CS055 nothing attached and no delivery has this name.';

comment on function crm_sync._give_up_unread(text) is 'Cancels what waits to be read from a table that is gone; says, and writes down, how many.';

comment on function crm_sync._unreadable(text) is 'Deliveries that wait for their first claim and whose record can not be built, as their table is gone.';

comment on function crm_sync._detach(text, text) is 'What detach() and forget() do.';

comment on function crm_sync._drop_idle(text) is 'Makes a table''s triggers and functions agree with what is still attached; drops them where nothing is.';

comment on function crm_sync._idle_triggers(text) is 'The triggers of ours that nothing attached needs any more, on the table or with its functions elsewhere.';

revoke all on function crm_sync.detach(regclass, text), crm_sync.forget(text), crm_sync._give_up_unread(text), crm_sync._unreadable(text),
    crm_sync._detach(text, text),
    crm_sync._drop_idle(text), crm_sync._idle_triggers(text), crm_sync._generated_functions(text) from public;

-- sql/crm_sync/05_capture/fixed_settings.sql

-- How values become text, whatever the settings of the session that writes or of the tick that reads: one spelling, or what is
-- equal would count as changed.

create or replace function crm_sync._pins_sql()
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select $sql$set timezone = 'UTC' set datestyle = 'ISO' set intervalstyle = 'postgres'
set extra_float_digits = '1' set bytea_output = 'hex'$sql$
$$;

comment on function crm_sync._pins_sql() is
    'The settings by which values become text in records, row ids and keys, whatever the session''s are: for each function that makes such text, or compares with it.';

revoke all on function crm_sync._pins_sql() from public;

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
    if current_setting('crm_sync.capture', true) = 'off' or current_setting('crm_sync.origin', true) <> '' then
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

create or replace function crm_sync._capture_handler_sql(p_table_name text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_row_ids text := crm_sync._row_id_sql(p_table_name::regclass, 'new');
begin
    -- to_jsonb works whatever has happened to the columns; the whole row, because conditions may use any of it.
    return format(
        $sql$    begin
        if sqlstate = '55P03' then
            perform set_config('crm_sync.has_waited', 'yes', true);
        end if;
        if tg_op = 'INSERT' then
            perform crm_sync._capture_failed(
                case sqlstate when 'CS051' then crm_sync._table_name(tg_relid) else %1$L end, tg_op,
                null,
                (select jsonb_agg(to_jsonb(new)) from new_rows as new),
                (select array_agg(%2$s) from new_rows as new),
                sqlstate, sqlerrm, v_left_out, tg_relid);
        else
            perform crm_sync._capture_failed(
                case sqlstate when 'CS051' then crm_sync._table_name(tg_relid) else %1$L end, tg_op,
                (select jsonb_agg(to_jsonb(old)) from old_rows as old),
                (select jsonb_agg(to_jsonb(new)) from new_rows as new),
                (select array_agg(%2$s) from new_rows as new),
                sqlstate, sqlerrm, v_left_out, tg_relid);
        end if;
    exception when others then
        begin
            perform nextval('crm_sync.unstored_changes');
        exception when others then
            null;
        end;
        raise log 'crm-sync: a change of %% was missed by capture (SQLSTATE %%)', %1$L, sqlstate;
    end;
$sql$,
        p_table_name, v_row_ids);
end;
$$;

-- sql/crm_sync/05_capture/function_recapture.sql

-- The text of the function that captures changes handed to it as JSON: the tick's repair, related changes, backfill.
-- Same queries as the trigger's, over the same names: what fires there fires here.

create or replace function crm_sync._recapture_function_sql(p_table_name text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case when crm_sync._all_fired_sql(p_table_name, 'RECAPTURE') is not null then format(
        $sql$
create or replace function crm_sync.%I(
    p_operation text, p_old_rows jsonb, p_new_rows jsonb, p_routes text[], p_is_backfill boolean, p_captured_at timestamptz
)
returns setof bigint
language plpgsql
set search_path = pg_catalog, pg_temp
%s
as %L;
$sql$,
        crm_sync._generated_name('recapture', p_table_name),
        crm_sync._pins_sql(),
        format(
            $body$
begin
    return query
    with new_rows as (select * from jsonb_populate_recordset(null::%1$s, p_new_rows)),
    old_rows as (select * from jsonb_populate_recordset(null::%1$s, p_old_rows))
    insert into crm_sync.deliveries (
        route, destination, table_name, row_id, operation, ordering_key, record, is_backfill, captured_at
    )
    select fired.route, fired.destination, %1$L, fired.row_id, p_operation, fired.ordering_key, fired.record,
           p_is_backfill, p_captured_at
    from (
%2$s    ) as fired
    where p_routes is null or fired.route = any (p_routes)
    returning deliveries.delivery_id;
end;
$body$,
            p_table_name, crm_sync._all_fired_sql(p_table_name, 'RECAPTURE'))) end;
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
declare
    v_table  regclass := p_attachment.table_name::regclass;
    v_joined text := coalesce(e'\n           || coalesce(' || p_attachment.joined || ', ''{}'')', '');
    v_record text := 'deliveries.record';
    v_key    text := 'deliveries.ordering_key';
    v_source text := case when p_attachment.joined is null then '' else format(
        'cross join lateral jsonb_populate_record(null::%s, deliveries.record) as this', p_attachment.table_name) end;
begin
    if (select kind from crm_sync.routes where routes.route = p_attachment.route) = 'state' then
        v_record := format('(select to_jsonb(picked) from (select %s) as picked)',
                           crm_sync._columns_sql(p_attachment.columns, 'this'));
        v_source := format('join %s as this on %s', p_attachment.table_name,
                           crm_sync._row_matches_sql(v_table, 'this', 'deliveries.row_id'));
        v_key := format('(select (%s)::text from (select this.*) as new)', p_attachment.ordering_key);
    end if;
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
    select deliveries.delivery_id,
           %1$s%2$s,
           %3$s
    from crm_sync.deliveries
    %4$s
    where deliveries.delivery_id = any (p_delivery_ids);
end;
$body$,
            v_record, v_joined, v_key, v_source));
end;
$$;

create or replace function crm_sync._records_function_sql()
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Static calls, planned once a session. A route that was detached while deliveries of it waited is called by name.
    return format(
        $sql$
create or replace function crm_sync._records(p_table_name text, p_route text, p_delivery_ids bigint[])
returns table (delivery_id bigint, record jsonb, ordering_key text)
language plpgsql
set search_path = pg_catalog, pg_temp
as %L;
$sql$,
        format(
            $body$
begin
    %s
    else
        return query execute format(
            'select * from crm_sync.%%I($1)', crm_sync._generated_name('record', p_table_name, p_route)
        ) using p_delivery_ids;
    end if;
end;
$body$,
            coalesce((
                select string_agg(format(
                    $sql$if p_table_name = %L and p_route = %L then
        return query select * from crm_sync.%I(p_delivery_ids);$sql$,
                    attachments.table_name, attachments.route,
                    crm_sync._generated_name('record', attachments.table_name, attachments.route)
                ), e'\n    els' order by attachments.table_name, attachments.route)
                from crm_sync.attachments
            ), 'if false then')));
end;
$$;

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
set search_path = pg_catalog, pg_temp
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

-- Changes that are not to be sent: set local crm_sync.capture = 'off', for an operator's mass correction, and
-- set local crm_sync.origin = '<destination>', for what that receiver itself has written. They stand in the ledger as
-- cancelled: find_missing() misses nothing, trace() says why, and redeliver() sends them after all.
-- The part of a capture function that runs only while one of the two is set.

create or replace function crm_sync._leave_out_sql(p_table_name text)
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

create or replace function crm_sync._leave_out(p_delivery_ids bigint[], p_destinations text[], p_reason text)
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

comment on function crm_sync._leave_out(bigint[], text[], text) is
    'The same for deliveries that the tick has just captured, as capture could not write them then; no others.';

revoke all on function crm_sync._leave_out_sql(text), crm_sync._insert_left_out_sql(text, text), crm_sync._destinations_left_out(),
    crm_sync._may_leave_out(text), crm_sync._has_related_outside(text, text[]),
    crm_sync._leave_out(bigint[], text[], text), crm_sync._note_left_out(text, int) from public;

-- sql/crm_sync/05_capture/reattach.sql

-- Makes triggers and generated functions agree with crm_sync.attachments. Every migration of an application that alters an attached table ends with reattach().

create or replace function crm_sync.reattach()
returns setof text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name text;
begin
    perform crm_sync._one_at_a_time();
    perform crm_sync._follow_all_renames();
    for v_table_name in select * from crm_sync._attached_tables() loop
        perform crm_sync._reattach_table(v_table_name);
        return next v_table_name;
    end loop;
end;
$$;

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

create or replace function crm_sync._one_at_a_time()
returns void
language plpgsql
-- Longer than one asks for its tables.
set search_path = pg_catalog, pg_temp set lock_timeout = '10s'
as $$
begin
    -- Two that replace the same function get into each other's way. Before any other lock: whoever waits here holds none
    -- that the one who is at work may want.
    perform pg_advisory_xact_lock(1129467219, 1025);
end;
$$;

create or replace function crm_sync._create_trigger(p_table_name text, p_trigger text, p_event text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (
        select from crm_sync._capture_triggers() as triggers
        where triggers.table_name = p_table_name and triggers.trigger_name = p_trigger and triggers.is_own
    ) then
        perform crm_sync._lock_shortly(array[p_table_name], 'share row exclusive');
        execute format('create or replace trigger %I ' || p_event || ' for each statement execute function crm_sync.%I()',
                       p_trigger, p_table_name, crm_sync._generated_name('capture', p_table_name));
    end if;
end;
$$;

create or replace function crm_sync._lock_shortly(p_table_names text[], p_mode text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '600ms'
as $$
begin
    if p_table_names = '{}' then
        return;
    end if;
    -- Whoever writes meanwhile waits behind us: so we ask shortly, let them pass, and ask again. A try that fails keeps no
    -- table.
    for v_try in 1 .. 5 loop
        perform pg_sleep(0.4) where v_try > 1;
        begin
            execute format('lock table %s in %s mode', array_to_string(p_table_names, ', '), p_mode);
            return;
        exception when lock_not_available then
            null;
        end;
    end loop;
    raise exception 'in use, no lock within 5 s: %', array_to_string(p_table_names, ', ')
        using errcode = '55P03',
              hint = format('Who holds it: select pid, query from pg_stat_activity where pid in (select pid from pg_locks where relation = any (%L::regclass[]) and granted);', p_table_names);
end;
$$;

comment on function crm_sync.reattach() is
    'Makes triggers and generated functions anew from crm_sync.attachments; returns the tables. A table that was renamed is attached under its new name, and its deliveries go along. Safe to repeat. Role: owner of the tables. Error: 42P01 a table is gone, see forget().';

comment on function crm_sync._one_at_a_time() is 'Whoever attaches, detaches or follows a rename waits, 10 s at most, until nobody else does.';

comment on function crm_sync._lock_shortly(text[], text) is 'Locks tables, all or none, asking five times for 0.6 s each, with 0.4 s between; raises 55P03 when they can not be had.';

comment on function crm_sync._create_trigger(text, text, text) is 'Creates a capture trigger unless it is there and calls what was generated for its table: an existing one costs no lock.';

revoke all on function crm_sync.reattach(), crm_sync._reattach_table(text), crm_sync._one_at_a_time(), crm_sync._create_generated(text, text),
    crm_sync._create_trigger(text, text, text), crm_sync._lock_shortly(text[], text) from public;

-- sql/crm_sync/05_capture/recapture.sql

-- Rows by their ids, as JSON, and their capture as the table's trigger would: for what capture missed, related changes,
-- repair, backfill and dry runs.

create or replace function crm_sync._rows(p_table_name text, p_row_ids text[])
returns jsonb
language plpgsql
-- As capture reads rows.
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' set extra_float_digits = '1'
set bytea_output = 'hex' set intervalstyle = 'postgres'
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

revoke all on function crm_sync._rows(text, text[]), crm_sync._recapture(text, text, jsonb, jsonb, text[], boolean, timestamptz) from public;

-- sql/crm_sync/05_capture/renamed.sql

-- A table that bears another name than it was attached by: its triggers went with it, and call what was generated for the
-- old one. By them it is known again, and all that is attached, captured and told of it goes on under its new name.
-- Lock order: _one_at_a_time(), the tick's row of settings, deliveries, capture_failures, related_changes, attachments, the table.

create or replace function crm_sync._capture_triggers()
returns table (table_name text, trigger_name text, function_name text, is_own boolean)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select named.table_name, triggers.tgname::text, functions.proname::text,
           triggers.tgname in ('crm_sync_capture_insert', 'crm_sync_capture_update')
           and functions.proname = crm_sync._generated_name('capture', named.table_name)
    from pg_catalog.pg_trigger as triggers
    join pg_catalog.pg_proc as functions on functions.oid = triggers.tgfoid
    cross join lateral crm_sync._table_name(triggers.tgrelid) as named (table_name)
    where functions.pronamespace = 'crm_sync'::regnamespace
      and starts_with(functions.proname::text, '_capture__');
end;
$$;

create or replace function crm_sync._is_table(p_table_name text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (
        select from pg_catalog.pg_class as classes
        where classes.oid = to_regclass(p_table_name) and classes.relkind in ('r', 'p')
    );
end;
$$;

create or replace function crm_sync._renamed_tables()
returns table (former_name text, table_name text, is_certain boolean)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Of several nobody can say which is meant.
    return query
    select attached.name, triggers.table_name, count(*) over (partition by attached.name) = 1
    from crm_sync._attached_tables() as attached (name)
    join crm_sync._capture_triggers() as triggers
      on triggers.function_name = crm_sync._generated_name('capture', attached.name)
    where not triggers.is_own and not crm_sync._is_table(attached.name)
    group by attached.name, triggers.table_name;
end;
$$;

create or replace function crm_sync._follow_if_renamed(p_table regclass)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform crm_sync._follow_rename(renamed.former_name, renamed.table_name)
    from crm_sync._renamed_tables() as renamed
    where renamed.table_name = crm_sync._table_name(p_table);
end;
$$;

create or replace function crm_sync._follow_all_renames()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '3s'
as $$
begin
    -- The longest work of all of them first: writers wait for a table that was followed until the last one is.
    perform from crm_sync.settings where exists (select from crm_sync._renamed_tables()) for no key update;
    perform crm_sync._rename_in_ledger(renamed.former_name, renamed.table_name)
    from crm_sync._renamed_tables() as renamed
    where renamed.is_certain;
    perform crm_sync._follow_rename(renamed.former_name, renamed.table_name)
    from crm_sync._renamed_tables() as renamed
    where renamed.is_certain;
end;
$$;

create or replace function crm_sync._follow_rename(p_former_name text, p_table_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '3s'
as $$
declare
    v_routes text[] := array(select attachments.route from crm_sync.attachments where attachments.table_name = p_former_name);
    v_others text[];
begin
    perform crm_sync._one_at_a_time();
    -- Ticks stand aside: they lock the ledger's rows in an order of their own.
    perform from crm_sync.settings for no key update;
    -- The longest work first, while nobody who writes waits for us; then what was captured meanwhile.
    perform crm_sync._rename_in_ledger(p_former_name, p_table_name);
    v_others := crm_sync._rename_attachments(p_former_name, p_table_name);
    perform crm_sync._reattach_table(p_table_name);
    perform crm_sync._rename_in_ledger(p_former_name, p_table_name);
    perform crm_sync._reattach_table(others.name) from unnest(v_others) as others (name)
    where others.name <> p_table_name and crm_sync._is_table(others.name);
    perform crm_sync._drop_strange_triggers(p_former_name);
    perform crm_sync._drop_generated(p_former_name, v_routes);
end;
$$;

create or replace function crm_sync._rename_in_ledger(p_former_name text, p_table_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update crm_sync.deliveries set table_name = p_table_name where deliveries.table_name = p_former_name;
    update crm_sync.capture_failures as failures set table_name = p_table_name where failures.table_name = p_former_name;
    update crm_sync.related_changes as changes set table_name = p_table_name where changes.table_name = p_former_name;
end;
$$;

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
    insert into crm_sync.attachments (table_name, route, watched, columns, ordering_key, condition, transition, joined, attached_at)
    select p_table_name, former.route, former.watched, former.columns, former.ordering_key, former.condition, former.transition,
           former.joined, former.attached_at
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

create or replace function crm_sync._strange_triggers(p_table_name text)
returns table (table_name text, trigger_name text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select triggers.table_name, triggers.trigger_name
    from crm_sync._capture_triggers() as triggers
    where not triggers.is_own
      and (triggers.table_name = p_table_name
           or triggers.function_name = crm_sync._generated_name('capture', p_table_name));
end;
$$;

create or replace function crm_sync._drop_strange_triggers(p_table_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name text;
    v_trigger    text;
begin
    perform crm_sync._lock_shortly(
        array(select distinct strange.table_name from crm_sync._strange_triggers(p_table_name) as strange order by 1), 'access exclusive');
    for v_table_name, v_trigger in select * from crm_sync._strange_triggers(p_table_name) as strange order by 1, 2 loop
        execute format('drop trigger %I on %s', v_trigger, v_table_name);
        if v_table_name not in (select * from crm_sync._attached_tables()) then
            raise warning 'nothing is captured from % any more: its trigger % was that of %', v_table_name, v_trigger, p_table_name
                using errcode = 'CS052', hint = format('If it is to be captured: select crm_sync.attach(%L, …);', v_table_name);
        end if;
    end loop;
end;
$$;

create or replace function crm_sync._drop_generated(p_table_name text, p_routes text[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_function regprocedure;
begin
    for v_function in
        select generated.function from crm_sync._generated_functions(p_table_name) as generated (function)
        union all
        select procedures.oid::regprocedure
        from pg_catalog.pg_proc as procedures
        where procedures.pronamespace = 'crm_sync'::regnamespace
          and procedures.proname in (
              select crm_sync._generated_name('record', p_table_name, routes.route) from unnest(p_routes) as routes (route))
    loop
        execute format('drop function %s', v_function);
    end loop;
end;
$$;

create or replace function crm_sync._require_followed(p_table regclass default null)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_renamed text;
    v_former  text;
begin
    -- Asked by the new name the ledger knows nothing yet, and by the old one nothing of the rows.
    select renamed.table_name, renamed.former_name into v_renamed, v_former
    from crm_sync._renamed_tables() as renamed
    where renamed.table_name = coalesce(crm_sync._table_name(p_table), renamed.table_name)
    limit 1;
    if v_renamed is not null then
        raise exception '% was attached as %', v_renamed, v_former using errcode = 'CS051', hint = 'select crm_sync.reattach();';
    end if;
    select crm_sync._table_name(classes.oid), failures.table_name into v_renamed, v_former
    from crm_sync.capture_failures as failures
    join pg_catalog.pg_class as classes on classes.oid = failures.table_oid
    where not crm_sync._is_table(failures.table_name)
    limit 1;
    if v_renamed is not null then
        raise exception 'what was written to % while it was called % is still to be captured', v_renamed, v_former
            using errcode = 'CS051', hint = 'select crm_sync.reattach();';
    end if;
end;
$$;

create or replace function crm_sync._refuse_former_name(p_table_name text, p_table oid)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Under the old name its rows could not be read, or another table's would be. Behind a view they can.
    if not exists (
        select from pg_catalog.pg_class as classes where classes.oid = to_regclass(p_table_name) and classes.relkind = 'v'
    ) then
        raise exception '% was attached as %', crm_sync._table_name(p_table), p_table_name
            using errcode = 'CS051', hint = 'select crm_sync.reattach();';
    end if;
end;
$$;

comment on function crm_sync._capture_triggers() is 'Every trigger of capture, by what it calls; is_own: it bears our name and calls what was generated for its table.';

comment on function crm_sync._is_table(text) is 'Whether a table, also a partitioned one, bears this name: a view does not count.';

comment on function crm_sync._renamed_tables() is 'Attached names that no table bears any more, with the tables that have their triggers; is_certain: there is only one.';

comment on function crm_sync._follow_if_renamed(regclass) is 'Where a table was attached by another name, that is its own now.';

comment on function crm_sync._follow_all_renames() is 'The same for all tables that were renamed.';

comment on function crm_sync._follow_rename(text, text) is
    'What is attached, captured and told of a table goes on under its new name. Each row of its ledger is written once: some 15 s a million, and ticks wait.';

comment on function crm_sync._rename_in_ledger(text, text) is 'The ledger''s part of it.';

comment on function crm_sync._rename_attachments(text, text) is 'The attachments'' part of it; returns the tables whose expressions named the old name, as for has_fired().';

comment on function crm_sync._strange_triggers(text) is 'Triggers of capture of another name on this table, and those of this name on another.';

comment on function crm_sync._drop_strange_triggers(text) is
    'Drops triggers of capture that a rename has left on the wrong table, or under another name. Warns (CS052) of a table from which nothing is captured then.';

comment on function crm_sync._drop_generated(text, text[]) is 'Drops the functions generated for a table and these routes.';

comment on function crm_sync._require_followed(regclass) is 'Raises CS051 while the table, or any, is still attached by a name that it bore before, or was written to under one.';

comment on function crm_sync._refuse_former_name(text, oid) is
    'For a capture function that a table of another name calls. Raises CS051: what is written is kept for reattach(); unless a view bears the name.';

revoke all on function crm_sync._capture_triggers(), crm_sync._is_table(text), crm_sync._renamed_tables(),
    crm_sync._follow_if_renamed(regclass), crm_sync._follow_all_renames(), crm_sync._follow_rename(text, text), crm_sync._rename_in_ledger(text, text),
    crm_sync._rename_attachments(text, text), crm_sync._strange_triggers(text), crm_sync._drop_strange_triggers(text),
    crm_sync._drop_generated(text, text[]),
    crm_sync._require_followed(regclass), crm_sync._refuse_former_name(text, oid) from public;

-- sql/crm_sync/06_dispatch/capacity.sql

create or replace function crm_sync._hold_rate(p_destination text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Before anything is claimed: whoever is changing the destination would be waited for when the rate is spent.
    if not exists (
        select from crm_sync.destinations
        where destinations.destination = p_destination and destinations.rate_per_second is not null
    ) then
        return true;
    end if;
    perform from crm_sync.destinations where destinations.destination = p_destination for no key update skip locked;
    return found;
end;
$$;

comment on function crm_sync._hold_rate(text) is 'Locks a destination that has a rate; false: another session holds it.';

revoke all on function crm_sync._capacity(text, timestamptz),
    crm_sync._rate_allows(crm_sync.destinations, timestamptz), crm_sync._rate_tokens(crm_sync.destinations, timestamptz),
    crm_sync._hold_rate(text), crm_sync._spend_rate(text, int, timestamptz) from public;

-- sql/crm_sync/06_dispatch/claim.sql

create or replace function crm_sync._judge_sendable(p_delivery_ids bigint[])
returns crm_sync.judged[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select array_agg(row(
            ids.position, sized.delivery_id, coalesce(built.ordering_key, sized.ordering_key), sized.envelope_failure_count,
            built.record, sized.bytes,
            case
                when built.delivery_id is null then 'unbuilt'
                when built.is_gone then 'row_deleted'
                when built.record is null then 'erased'
                when built.ordering_key <> sized.ordering_key then 'key_changed'
                when sized.bytes > (select settings.max_delivery_bytes from crm_sync.settings) then 'too_large'
                else 'sendable'
            end
        )::crm_sync.judged order by ids.position)
        from unnest(p_delivery_ids) with ordinality as ids (delivery_id, position)
        left join crm_sync._build_records(p_delivery_ids) as built on built.delivery_id = ids.delivery_id
        cross join lateral (
            select deliveries.delivery_id, deliveries.ordering_key, deliveries.envelope_failure_count,
                   octet_length(built.record::text) + octet_length(deliveries.ordering_key) + crm_sync._bytes_around_record() as bytes
            from crm_sync.deliveries
            where deliveries.delivery_id = ids.delivery_id
        ) as sized
    );
end;
$$;

create or replace function crm_sync._bytes_around_record()
returns int
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    -- What stands around it in the body, but for its key: 340 bytes, and the names of table and route.
    select 400
$$;

comment on function crm_sync._bytes_around_record() is 'By how many bytes a delivery is larger than its record and key together. A constant, put in when the claim is planned.';

revoke all on function crm_sync._claim(bigint[], int, timestamptz, timestamptz), crm_sync._judge_sendable(bigint[]),
    crm_sync._bytes_around_record(), crm_sync._set_aside(crm_sync.judged[], timestamptz), crm_sync._sendable(crm_sync.judged[]),
    crm_sync._pack_judged(crm_sync.judged[], int) from public;

-- sql/crm_sync/06_dispatch/dispatch_due.sql

-- The tick's dispatch: what is due, live deliveries before backfill, oldest first.

create or replace function crm_sync._dispatch_due(p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_destination text;
    v_capacity    crm_sync.capacity;
    v_keys        text[];
    v_requests    int := 0;
begin
    for v_destination in
        -- Mostly nothing waits: a session that ticks once need not even plan the rest. One row is looked for, not all.
        select destinations.destination
        from crm_sync.destinations
        cross join lateral (
            select from crm_sync.deliveries
            where deliveries.destination = destinations.destination and deliveries.status = 'pending' and not deliveries.is_parked
            limit 1
        ) as waiting
        order by destinations.last_delivered_at nulls first
    loop
        v_capacity := crm_sync._capacity(v_destination, p_now);
        continue when v_capacity.requests = 0 or not crm_sync._hold_rate(v_destination);
        if v_capacity.is_probe then
            v_requests := v_requests + crm_sync._dispatch_probe(v_destination, v_capacity, p_now);
            continue;
        end if;
        v_keys := crm_sync._due_keys(v_destination, v_capacity, p_now);
        continue when v_keys is null;
        v_requests := v_requests + crm_sync._dispatch_keys(v_destination, v_keys, v_capacity, p_now);
        perform crm_sync._park_followers(v_destination, crm_sync._lock_keys(v_destination, v_keys));
    end loop;
    return v_requests;
end;
$$;

-- sql/crm_sync/06_dispatch/keys.sql

-- The order within one key. Whoever claims, commit or tick, first takes the key's lock, never waiting; then, in a new
-- statement, looks at what is unfinished on it. 1,024 locks serve all keys: one a key would exhaust the lock table.

create or replace function crm_sync._lock_keys(p_destination text, p_keys text[])
returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_key    text;
    v_locked text[] := array[]::text[];
begin
    foreach v_key in array coalesce(p_keys, '{}') loop
        if pg_try_advisory_xact_lock(1129467219, hashtext(p_destination || ' ' || v_key) & 1023) then
            v_locked := v_locked || v_key;
        end if;
    end loop;
    return v_locked;
end;
$$;

create or replace function crm_sync._park_followers(p_destination text, p_keys text[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Only the one in front of each key stays visible. The caller holds the keys' locks and is the tick, which settles, too:
    -- or what is in front might be cancelled or settled meanwhile and nobody wake the rest. What somebody holds stays as it
    -- is until the next tick that meets it.
    with moved as materialized (
        select waiting.delivery_id
        from crm_sync.deliveries as waiting
        where waiting.ordering_key = any (p_keys)
          and waiting.destination = p_destination
          and waiting.status = 'pending'
          and waiting.is_parked = (
              waiting.delivery_id in (
                  select queue.delivery_id from crm_sync._queue_of_keys(p_destination, p_keys) as queue where queue.step = 1
              )
          )
        for no key update skip locked
    )
    update crm_sync.deliveries
    set is_parked = not deliveries.is_parked
    from moved
    where deliveries.delivery_id = moved.delivery_id;
end;
$$;

-- sql/crm_sync/06_dispatch/pack.sql

-- Packs deliveries into envelopes. A key stays within one envelope, in order; a delivery whose envelopes failed travels
-- with half as many others each time, at last alone; one larger than an envelope travels alone.

create or replace function crm_sync._pack(
    p_keys text[], p_bytes int[], p_failure_counts int[], p_max_deliveries int, p_max_bytes int, p_max_envelopes int
)
returns int[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_envelopes int[] := array[]::int[];
    v_envelope  int := 0;
    v_count     int := 0;
    v_bytes     int := 0;
    v_limit     int;
    v_own_limit int;
    v_fits      boolean;
    v_cut_key   text;
begin
    for i in 1 .. coalesce(cardinality(p_keys), 0) loop
        v_own_limit := greatest(1, p_max_deliveries >> least(p_failure_counts[i], 30));
        v_fits := v_envelope > 0 and v_count < least(v_limit, v_own_limit) and v_bytes + p_bytes[i] <= p_max_bytes;
        if p_keys[i] = v_cut_key or (not v_fits and (
            v_envelope = p_max_envelopes or (i > 1 and p_keys[i] = p_keys[i - 1])
        )) then
            -- The rest of a key waits for the answer to its beginning; with no envelope left, so does all else.
            v_cut_key := p_keys[i];
            v_envelopes := v_envelopes || null::int;
            continue;
        end if;
        if not v_fits then
            v_envelope := v_envelope + 1;
            v_count := 0;
            v_bytes := 0;
            v_limit := p_max_deliveries;
        end if;
        v_limit := least(v_limit, v_own_limit);
        v_count := v_count + 1;
        v_bytes := v_bytes + p_bytes[i];
        v_envelopes := v_envelopes || v_envelope;
    end loop;
    return v_envelopes;
end;
$$;

-- sql/crm_sync/06_dispatch/sign.sql

-- Standard Webhooks signatures (standardwebhooks.com, "Signature scheme"): HMAC-SHA256 over id.timestamp.body, base64.
-- pg_net sends exactly body::text, so that is what is signed; answers of the function are signed the same way.

create or replace function crm_sync._signatures(p_id text, p_timestamp text, p_body text, p_secrets text[])
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_signed     bytea := convert_to(p_id || '.' || p_timestamp || '.' || p_body, 'UTF8');
    v_signatures text[];
    v_secret     text;
    v_key        bytea;
begin
    -- One for each secret: during a rotation either side may know only the old or only the new one. An empty key is everybody's.
    foreach v_secret in array coalesce(p_secrets, '{}') loop
        v_key := decode(regexp_replace(v_secret, '^whsec_', ''), 'base64');
        continue when v_key = '';
        v_signatures := v_signatures || ('v1,' || encode(extensions.hmac(v_signed, v_key, 'sha256'), 'base64'));
    end loop;
    return array_to_string(v_signatures, ' ');
end;
$$;

-- sql/crm_sync/07_retry/breakers.sql

-- Opens and closes breakers by what was just settled. A destination's breaker opens at 70 % of at least 10 attempts
-- failing in 5 minutes, after 3 failures in a row on 2 keys or over 5 minutes, and when 2 keys in a row come back
-- misconfigured. Any success closes. Rejects are the row's fault and count neither way.

create or replace function crm_sync._move_breakers(p_settlements crm_sync.settlement[], p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_seen record;
begin
    for v_seen in select * from crm_sync._seen_by_breakers(p_settlements) loop
        perform crm_sync._count_minute(v_seen.breaker, v_seen.attempt_count, v_seen.failure_count, p_now);
        if v_seen.has_success then
            perform crm_sync._close_breaker(v_seen.breaker, p_now);
        end if;
        if v_seen.failures_in_a_row > 0 then
            perform crm_sync._note_failures(
                v_seen.breaker, v_seen.failures_in_a_row, v_seen.failing_keys, v_seen.misconfigured_keys, v_seen.last_failed_key, p_now);
        end if;
        if v_seen.failure_count > 0 then
            perform crm_sync._open_breaker_if_failing(v_seen.breaker, v_seen.has_probe, p_now);
        end if;
    end loop;
    perform crm_sync._end_probes(p_now);
end;
$$;

create or replace function crm_sync._seen_by_breakers(p_settlements crm_sync.settlement[])
returns table (
    breaker text, attempt_count int, failure_count int, has_success boolean, has_probe boolean, failures_in_a_row int,
    failing_keys text[], last_failed_key text, misconfigured_keys text[]
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    with outcomes as (
        -- What an envelope's failure says, it says of the function; any usable answer is a success of the function.
        select 'function' as breaker, deliveries.ordering_key, settlements.envelope_id, settlements.delivery_id,
               case when settlements.envelope_failed then 'retry' else 'delivered' end as outcome
        from unnest(p_settlements) as settlements
        join crm_sync.deliveries on deliveries.delivery_id = settlements.delivery_id
        where settlements.error_code is distinct from 'request_lost' and settlements.error_code is distinct from 'taken_back'
        union all
        select deliveries.destination, deliveries.ordering_key, settlements.envelope_id, settlements.delivery_id, settlements.outcome
        from unnest(p_settlements) as settlements
        join crm_sync.deliveries on deliveries.delivery_id = settlements.delivery_id
        where not settlements.envelope_failed
          and settlements.outcome in ('delivered', 'retry', 'unknown', 'misconfigured')
          and settlements.error_code is distinct from 'request_lost'
    ),
    numbered as (
        -- The function is tried once an envelope, a destination once a delivery.
        select outcomes.*,
               case when outcomes.breaker = 'function' then outcomes.envelope_id::text else outcomes.delivery_id::text end as attempt,
               outcomes.envelope_id = breakers.probe_envelope_id as is_probe,
               coalesce(max(outcomes.delivery_id) filter (where outcomes.outcome = 'delivered')
                   over (partition by outcomes.breaker), 0) as last_success
        from outcomes
        join crm_sync.breakers on breakers.breaker = outcomes.breaker
    )
    select numbered.breaker,
           count(distinct numbered.attempt)::int,
           (count(distinct numbered.attempt) filter (where numbered.outcome <> 'delivered'))::int,
           bool_or(numbered.outcome = 'delivered'),
           coalesce(bool_or(numbered.is_probe), false),
           -- What was captured after the last success has failed.
           (count(distinct numbered.attempt) filter (where numbered.delivery_id > numbered.last_success))::int,
           array_agg(numbered.ordering_key) filter (where numbered.delivery_id > numbered.last_success),
           (array_agg(numbered.ordering_key order by numbered.delivery_id desc))[1],
           array_agg(numbered.ordering_key)
               filter (where numbered.delivery_id > numbered.last_success and numbered.outcome = 'misconfigured')
    from numbered
    group by numbered.breaker;
end;
$$;

comment on function crm_sync._seen_by_breakers(crm_sync.settlement[]) is 'Breaker by breaker, what these outcomes tell of it.';

revoke all on function crm_sync._move_breakers(crm_sync.settlement[], timestamptz), crm_sync._seen_by_breakers(crm_sync.settlement[]), crm_sync._count_minute(text, int, int, timestamptz),
    crm_sync._close_breaker(text, timestamptz), crm_sync._note_failures(text, int, text[], text[], text, timestamptz),
    crm_sync._open_breaker_if_failing(text, boolean, timestamptz), crm_sync._open_interval(int),
    crm_sync._end_probes(timestamptz) from public;

-- sql/crm_sync/07_retry/mended.sql

create or replace function crm_sync._recapture_if_changed(p_table_name text, p_row_id text, p_route text, p_told jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_rows jsonb := crm_sync._rows(p_table_name, array[p_row_id]);
begin
    -- No row, no columns to compare, or the same values: nothing was mended. As text: a record may hold 42 as "42".
    if v_rows -> 0 is not null and exists (
        select from jsonb_each_text(p_told) as told where v_rows -> 0 ->> told.key is distinct from told.value
    ) then
        perform crm_sync._recapture(p_table_name, 'UPDATE', '[]', v_rows, array[p_route]);
    end if;
exception when others then
    perform crm_sync._note_fault('mended row of ' || p_table_name, sqlstate, sqlerrm);
end;
$$;

-- sql/crm_sync/07_retry/settle.sql

create or replace function crm_sync._after_settle(p_delivery_ids bigint[], p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_group record;
begin
    -- One that an operator is just pausing or changing hears of the next.
    update crm_sync.destinations
    set last_delivered_at = p_now
    where destinations.destination in (
        select working.destination from crm_sync.destinations as working
        where working.destination in (
            select deliveries.destination from crm_sync.deliveries
            where deliveries.delivery_id = any (p_delivery_ids) and deliveries.status = 'delivered'
        )
        for no key update skip locked
    );
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

-- sql/crm_sync/08_reconcile/hold.sql

-- Whoever works on a delivery that is under way, as erase() in a transaction left open, holds up its envelope and no other:
-- before anything of an envelope is written, all rows that this writes are locked, and none is waited for.

create or replace function crm_sync._hold_envelope(p_envelope_id uuid)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Its deliveries, and whatever of their rows is not finished: _after_settle() may supersede it. Row by row, by the row's
    -- index, as there.
    v_written    bigint[] := array(
                     select distinct written.delivery_id
                     from crm_sync.deliveries as own
                     cross join lateral (
                         select deliveries.delivery_id, deliveries.status
                         from crm_sync.deliveries
                         where deliveries.row_id = own.row_id
                           and deliveries.table_name = own.table_name
                           and deliveries.route = own.route
                         offset 0
                     ) as written
                     where own.envelope_id = p_envelope_id
                       and own.status = 'in_flight'
                       and (written.delivery_id = own.delivery_id or written.status in ('pending', 'dead')));
    v_held_count int;
begin
    perform from crm_sync.deliveries where deliveries.delivery_id = any (v_written) for no key update skip locked;
    get diagnostics v_held_count = row_count;
    return v_held_count = cardinality(v_written);
end;
$$;

comment on function crm_sync._hold_envelope(uuid) is
    'Locks whatever settling this envelope may write in the ledger; false: another session holds some of it. Called before an answer is taken.';

revoke all on function crm_sync._hold_envelope(uuid) from public;

-- sql/crm_sync/08_reconcile/lost.sql

-- Requests that pg_net no longer has (its tables are unlogged: a crash empties them), and those that it does not send.
-- Its queue has no index, so that here the tick may read a table from end to end.

create or replace function crm_sync._take_missing(p_envelope_ids uuid[], p_secrets text[], p_now timestamptz)
returns crm_sync.settlement[]
language plpgsql
set search_path = pg_catalog, pg_temp set enable_seqscan = 'on'
as $$
declare
    v_answer      record;
    v_settlements crm_sync.settlement[] := array[]::crm_sync.settlement[];
begin
    if p_envelope_ids is null then
        return v_settlements;
    end if;
    -- Before a request is called lost: by id among all answers, however old.
    for v_answer in
        select envelopes.envelope_id, answers.status_code, answers.headers, answers.content
        from crm_sync.envelopes
        join net._http_response as answers on answers.id = envelopes.request_id
        where envelopes.envelope_id = any (p_envelope_ids)
    loop
        v_settlements := v_settlements || crm_sync._take_answer(
            v_answer.envelope_id, v_answer.status_code, v_answer.headers, v_answer.content, p_secrets, p_now);
    end loop;
    update crm_sync.envelopes
    set status = 'lost', settled_at = p_now
    where envelopes.envelope_id = any (p_envelope_ids) and envelopes.status = 'in_flight';
    return v_settlements || (
        select coalesce(array_agg(row(
            deliveries.delivery_id, deliveries.envelope_id, 'unknown', true, false, null, null, 'request_lost',
            'pg_net holds neither the request nor an answer; it may have arrived'
        )::crm_sync.settlement), '{}')
        from crm_sync.envelopes
        cross join lateral crm_sync._in_flight_of(envelopes.envelope_id) as deliveries
        where envelopes.envelope_id = any (p_envelope_ids)
          and envelopes.status = 'lost'
    );
end;
$$;

create or replace function crm_sync._take_back(p_envelope_id uuid, p_now timestamptz)
returns crm_sync.settlement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if not crm_sync._hold_envelope(p_envelope_id) then
        return array[]::crm_sync.settlement[];
    elsif not crm_sync._withdraw(p_envelope_id) then
        return array[]::crm_sync.settlement[];
    end if;
    update crm_sync.envelopes
    set status = 'taken_back', settled_at = p_now
    where envelopes.envelope_id = p_envelope_id;
    return coalesce(crm_sync._same_for_all(p_envelope_id, 'not_attempted', 'taken_back', 'never left pg_net''s queue'), '{}');
end;
$$;

create or replace function crm_sync._withdraw(p_envelope_id uuid)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp set enable_seqscan = 'on'
as $$
begin
    -- stop() also works where pg_net is gone, and its queue with it: reconcile finds the request lost once there is a new one.
    if to_regclass('net.http_request_queue') is null then
        return false;
    end if;
    -- skip locked: a batch that is running holds the row, and its answer is on the way.
    delete from net.http_request_queue as queue
    where queue.ctid = (
        select candidates.ctid
        from net.http_request_queue as candidates
        join crm_sync.envelopes on envelopes.request_id = candidates.id
        where envelopes.envelope_id = p_envelope_id
          and candidates.headers ->> 'webhook-id' = p_envelope_id::text
        for update of candidates skip locked
    );
    return found;
end;
$$;

create or replace function crm_sync._wake_pg_net(p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A lock on its tables, or a restart, makes pg_net's worker sleep until somebody wakes it. What reconcile left in flight
    -- is still queued, or held by somebody.
    if exists (
        select from crm_sync.envelopes
        cross join crm_sync.settings
        where envelopes.status = 'in_flight' and envelopes.dispatched_at < p_now - settings.wake_after
    ) then
        perform net.wake();
    end if;
end;
$$;

comment on function crm_sync._take_back(uuid, timestamptz) is 'Removes a request from pg_net''s queue, unless it is being sent right now, another session holds what it carries, or there is no queue; no attempt counted.';

comment on function crm_sync._withdraw(uuid) is 'Removes a request from pg_net''s queue; false: it is being sent right now, or not there.';

revoke all on function crm_sync._take_missing(uuid[], text[], timestamptz), crm_sync._take_back(uuid, timestamptz), crm_sync._withdraw(uuid),
    crm_sync._same_for_all(uuid, text, text, text), crm_sync._wake_pg_net(timestamptz) from public;

-- sql/crm_sync/08_reconcile/missed.sql

-- Captures what capture could not write, from the changes that its handler stored. In a block each: one table that was
-- changed under us holds up no other.

create or replace function crm_sync._capture_missed(p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_failure  crm_sync.capture_failures;
    v_captured bigint[];
    v_count    int := 0;
begin
    for v_failure in
        select * from crm_sync.capture_failures as failures
        where failures.next_retry_at <= p_now
        order by failures.capture_failure_id
        limit 100
        for update skip locked
    loop
        begin
            if v_failure.table_name not in (select * from crm_sync._attached_tables()) then
                raise exception 'nothing is captured from % any more', v_failure.table_name using errcode = 'CS038';
            end if;
            v_captured := array(select * from crm_sync._recapture(
                v_failure.table_name, v_failure.operation, v_failure.old_rows, v_failure.new_rows,
                p_captured_at => v_failure.failed_at));
            perform crm_sync._leave_out(v_captured, v_failure.left_out, v_failure.left_out_as);
            if v_failure.operation = 'UPDATE'
               and crm_sync._has_related_outside(v_failure.table_name, coalesce(v_failure.left_out, '{}'))
            then
                insert into crm_sync.related_changes (table_name, row_id)
                select v_failure.table_name, ids.row_id from unnest(v_failure.row_ids) as ids (row_id);
            end if;
            delete from crm_sync.capture_failures as failures
            where failures.capture_failure_id = v_failure.capture_failure_id;
            v_count := v_count + 1;
        exception when others then
            update crm_sync.capture_failures as failures
            set retry_count = failures.retry_count + 1,
                next_retry_at = p_now + least(interval '2 seconds' * power(2, least(failures.retry_count, 10)), interval '5 minutes'),
                sql_state = sqlstate,
                detail = crm_sync._harmless_message(sqlstate, sqlerrm)
            where failures.capture_failure_id = v_failure.capture_failure_id;
        end;
    end loop;
    perform crm_sync._repair_unstored(p_now);
    return v_count;
end;
$$;

revoke all on function crm_sync._capture_missed(timestamptz) from public;

-- sql/crm_sync/08_reconcile/reconcile.sql

-- Matches our requests in flight with pg_net's queue and answers. In one snapshot a live request is in one of the two;
-- in neither it is lost. As two statements this would misjudge: the worker may commit in between.

create or replace function crm_sync._reconcile(p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_secrets     text[];
    v_request     record;
    v_settlements crm_sync.settlement[] := array[]::crm_sync.settlement[];
    v_closed      uuid[];
    v_missing     uuid[];
begin
    if not exists (select from crm_sync.envelopes where envelopes.status = 'in_flight') then
        return crm_sync._settle('{}', p_now);
    end if;
    v_secrets := (crm_sync._function_access()).secrets;
    for v_request in select * from crm_sync._requests_in_flight() loop
        if v_request.is_queued then
            if v_request.lease_until <= p_now then
                v_settlements := v_settlements || crm_sync._take_back(v_request.envelope_id, p_now);
            end if;
        elsif not crm_sync._hold_envelope(v_request.envelope_id) then
            continue;
        elsif v_request.is_answered then
            v_settlements := v_settlements || crm_sync._take_answer(
                v_request.envelope_id, v_request.status_code, v_request.headers, v_request.content, v_secrets, p_now);
            v_closed := v_closed || v_request.envelope_id;
        else
            v_missing := v_missing || v_request.envelope_id;
        end if;
    end loop;
    v_settlements := v_settlements || crm_sync._take_missing(v_missing, v_secrets, p_now);
    v_settlements := v_settlements || crm_sync._take_unspoken(v_closed || v_missing);
    perform crm_sync._wake_pg_net(p_now);
    return crm_sync._settle(v_settlements, p_now);
end;
$$;

-- sql/crm_sync/08_reconcile/related.sql

-- Captures what a change of one table means for rows of another (a customer's for their requests), after its commit.
-- Twice: at first sight, for the rows visible then; and once every transaction that was running then has ended, for rows
-- that such a transaction wrote and dispatched while the change was still invisible to it. They are older than the next
-- tick, but not than what the first look's snapshot had seen end: the next tick's own id is the horizon.

create or replace function crm_sync._capture_related()
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ids    bigint[];
    v_change record;
    v_count  int := 0;
begin
    if not exists (select from crm_sync.related_changes) then
        return 0;
    end if;
    -- What an operator is erasing is left for a later tick: captured meanwhile it would be told after all.
    v_ids := array(select noted.related_change_id from crm_sync.related_changes as noted for update skip locked);
    update crm_sync.related_changes as changes
    set horizon = case when changes.horizon is null then '0' else pg_current_xact_id() end
    where changes.related_change_id = any (v_ids) and (changes.horizon is null or changes.horizon = '0');

    for v_change in
        select changes.table_name,
               changes.horizon between '1' and pg_snapshot_xmin(pg_current_snapshot()) as is_last_look,
               array_agg(distinct changes.row_id) as row_ids,
               changes.changed_in,
               max(changes.changed_at) as changed_at,
               array_agg(changes.related_change_id) as ids
        from crm_sync.related_changes as changes
        where changes.related_change_id = any (v_ids)
        group by changes.table_name, is_last_look, changes.changed_in
    loop
        -- In a block each: one table that was changed under us holds up no other.
        begin
            v_count := v_count + crm_sync._capture_affected(
                v_change.table_name, v_change.row_ids, v_change.changed_in, v_change.changed_at);
            delete from crm_sync.related_changes as changes
            where v_change.is_last_look and changes.related_change_id = any (v_change.ids);
        exception when others then
            perform crm_sync._note_fault('changes of ' || v_change.table_name, sqlstate, sqlerrm);
        end;
    end loop;
    return v_count;
end;
$$;

create or replace function crm_sync._capture_affected(p_table_name text, p_row_ids text[], p_changed_in xid8, p_changed_at timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_route        text;
    v_target_table text;
    v_row_ids      text[];
    v_count        int := 0;
begin
    -- Detached since: it is a change of nobody's row any more.
    if not exists (select from crm_sync.related_attachments as related where related.table_name = p_table_name) then
        return 0;
    end if;
    for v_route, v_target_table, v_row_ids in execute format(
        'select affected.route, affected.target_table, array_agg(affected.row_id)
         from crm_sync.%I($1) as affected
         join crm_sync.attachments
           on attachments.table_name = affected.target_table and attachments.route = affected.route
         where (attachments.transition = ''true''
                or crm_sync._last_is_dead(affected.target_table, affected.row_id, affected.route))
           and not crm_sync._reads_change(affected.target_table, affected.row_id, affected.route, $2, $3)
         group by affected.route, affected.target_table',
        crm_sync._generated_name('related', p_table_name)
    ) using p_row_ids, p_changed_in, p_changed_at
    loop
        v_count := v_count + (
            select count(*)
            from crm_sync._recapture(
                v_target_table, 'UPDATE', '[]', crm_sync._rows(v_target_table, v_row_ids), array[v_route],
                p_captured_at => p_changed_at)
        );
    end loop;
    return v_count;
end;
$$;

create or replace function crm_sync._reads_change(
    p_table_name text, p_row_id text, p_route text, p_changed_in xid8, p_changed_at timestamptz
)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Not yet read and not covered by one that was; or claimed with the change in sight. And not before it: a restored
    -- database counts its transactions anew.
    return (
        select exists (
            select from crm_sync.deliveries
            where deliveries.row_id = p_row_id
              and deliveries.table_name = p_table_name
              and deliveries.route = p_route
              -- Given up, or refused, since the change: it is not captured for it again.
              and ((deliveries.claimed_at is null and deliveries.covered_by is null
                    and (deliveries.status = 'pending'
                         or (deliveries.status in ('dead', 'cancelled') and deliveries.captured_at >= p_changed_at)))
                   or (pg_visible_in_snapshot(p_changed_in, deliveries.claimed_snapshot) and deliveries.claimed_at >= p_changed_at))
        )
    );
end;
$$;

comment on function crm_sync._capture_related() is 'Captures the effect of related changes; returns how many deliveries. Part of the tick.';

comment on function crm_sync._reads_change(text, text, text, xid8, timestamptz) is 'Whether a delivery of this row and route has still to read it, has read it with that transaction''s change, whatever became of it, or was given up since.';

revoke all on function crm_sync._capture_related(), crm_sync._capture_affected(text, text[], xid8, timestamptz),
    crm_sync._reads_change(text, text, text, xid8, timestamptz) from public;

-- sql/crm_sync/08_reconcile/unstored.sql

-- Looks for changes that capture could not even store. Twice: when the tick hears of them, and once every transaction has
-- ended that may have made one without having committed it: those older than the next tick.

create or replace function crm_sync._repair_unstored(p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_value bigint := (select last_value from crm_sync.unstored_changes where is_called);
begin
    if not exists (select from crm_sync.unstored_seen where unstored_seen.value < v_value or unstored_seen.horizon is not null) then
        return;
    end if;
    -- Of two repairs the second waits for the first (_repair_tables): a tick does not, and looks later.
    if not pg_try_advisory_xact_lock(1129467219, 1024) then
        return;
    end if;
    update crm_sync.unstored_seen
    set value = v_value,
        -- The transaction may have begun long before its change was noted.
        changed_since = least(unstored_seen.changed_since, p_now - interval '1 hour'),
        horizon = '0'
    where unstored_seen.value < v_value;
    if found then
        perform crm_sync._repair_quick_tables((select unstored_seen.changed_since from crm_sync.unstored_seen));
        return;
    end if;
    update crm_sync.unstored_seen set horizon = pg_current_xact_id() where unstored_seen.horizon = '0';
    update crm_sync.unstored_seen set horizon = null where unstored_seen.horizon <= pg_snapshot_xmin(pg_current_snapshot());
    if found then
        perform crm_sync._repair_quick_tables((select unstored_seen.changed_since from crm_sync.unstored_seen));
        update crm_sync.unstored_seen set changed_since = null;
    end if;
end;
$$;

create or replace function crm_sync._repair_quick_tables(p_since timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_quick      text[] := array[]::text[];
    v_table_name text;
begin
    -- A search that outlasts statement_timeout would end this tick, and each one after it.
    for v_table_name in select distinct attachments.table_name from crm_sync.attachments order by 1 loop
        if crm_sync._is_quick_to_search(v_table_name) then
            v_quick := v_quick || v_table_name;
        elsif exists (select from crm_sync._change_times(to_regclass(v_table_name))) then
            perform crm_sync._note_fault('repair of ' || v_table_name, 'CS030', format(
                '%s is large and no index begins with its time of change: left to the nightly repair, or to a person', v_table_name));
        end if;
    end loop;
    perform crm_sync._repair_tables(v_quick, 100, p_since);
    perform crm_sync._note_undecided(v_quick, p_since);
end;
$$;

create or replace function crm_sync._note_undecided(p_table_names text[], p_since timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_attachment crm_sync.attachments;
    v_count      bigint;
begin
    for v_attachment in select * from crm_sync.attachments where attachments.table_name = any (p_table_names) loop
        begin
            v_count := crm_sync._count_undecided(v_attachment, p_since);
            if v_count > 0 then
                perform crm_sync._note_fault(
                    format('repair of %s for %s', v_attachment.table_name, v_attachment.route), 'CS030', format(
                        '%s rows of %s changed while nothing could be stored, and may have fired %s before: left to a person, who sends them by backfill()',
                        v_count, v_attachment.table_name, v_attachment.route));
            end if;
        exception when others then
            perform crm_sync._note_fault('repair of ' || v_attachment.table_name, sqlstate, sqlerrm);
        end;
    end loop;
end;
$$;

comment on function crm_sync._repair_quick_tables(timestamptz) is 'The repair of the tables that can be searched at once; of the others a fault says that they were left.';

comment on function crm_sync._note_undecided(text[], timestamptz) is 'Says of which rows nobody can tell whether a change of theirs was lost.';

revoke all on function crm_sync._repair_unstored(timestamptz), crm_sync._repair_quick_tables(timestamptz),
    crm_sync._note_undecided(text[], timestamptz) from public;

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
    v_changed_at timestamptz;
    v_last_at    timestamptz;
    v_goes_on_at timestamptz;
    v_new_ids    bigint[] := array[]::bigint[];
begin
    if p_row_ids is null and p_since is null then
        raise exception 'backfill needs row ids or a time since when rows were changed'
            using errcode = 'CS021', hint = 'backfill(''lead'', p_since => now() - interval ''1 day'')';
    end if;
    if p_row_ids is not null and cardinality(v_tables) > 1 then
        raise exception 'several tables fire %: %', p_route, array_to_string(v_tables, ', ')
            using errcode = 'CS050', hint = format('Of which are these rows? backfill(…, p_table => %L)', v_tables[1]);
    end if;
    for v_table_name, v_row_ids, v_changed_at in
        select chosen.table_name, chosen.row_ids, chosen.last_changed_at
        from crm_sync._rows_to_backfill(p_route, v_tables, p_row_ids, p_since, p_limit) as chosen
    loop
        v_new_ids := v_new_ids || array(
            select * from crm_sync._recapture(
                v_table_name, 'UPDATE', '[]', crm_sync._rows(v_table_name, v_row_ids), array[p_route], true));
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

create or replace function crm_sync._tables_of_route(p_route text, p_table regclass)
returns text[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform crm_sync._require_route(p_route);
    return array(
        select attachments.table_name
        from crm_sync.attachments
        where attachments.route = p_route and attachments.table_name = coalesce(crm_sync._table_name(p_table), attachments.table_name)
        order by attachments.table_name);
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
        select tables.name, (select array_agg(distinct ids.row_id) from unnest(p_row_ids) as ids (row_id)), null::timestamptz
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

create or replace function crm_sync._first_that_fires_after(p_route text, p_tables text[], p_after timestamptz)
returns timestamptz
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_first_at timestamptz;
begin
    execute format('select min(fired.changed_at) from (%s) as fired', crm_sync._rows_that_fire_sql(p_route, p_tables, '>'))
    into v_first_at using p_after, 1;
    return v_first_at;
end;
$$;

create or replace function crm_sync._rows_that_fire_sql(p_route text, p_tables text[], p_comparison text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Each table gives its oldest, by an index on the time where there is one; of the rows without that time by the other.
    return (
        select string_agg(format(
            $sql$(
                with old_rows as (select * from %1$s where false)
                select %1$L as table_name, %2$s as row_id, new.%3$I::timestamptz as changed_at
                from %1$s as new%4$s
                  and %6$s and new.%3$I %5$s $1
                order by new.%3$I
                fetch first (coalesce($2, 9223372036854775807)) rows with ties
            )$sql$,
            attachments.table_name, crm_sync._row_id_sql(attachments.table_name::regclass, 'new'),
            times.column_name, crm_sync._fired_where_sql(attachments, 'RECAPTURE'), p_comparison, times.counts_if), ' union all ')
        from crm_sync.attachments
        cross join lateral crm_sync._required_change_times(attachments.table_name::regclass) as times
        where attachments.route = p_route and attachments.table_name = any (p_tables)
    );
end;
$$;

comment on function crm_sync.backfill(text, text[], timestamptz, int, text, regclass) is
    'Captures rows as they are now that fire the route, of each of its tables or of p_table, by id or by time of change (updated_at, or created_at where that is null or not there): the oldest 10,000 by default, and those that share the last one''s time. Where more are left it warns (CS045) with the time to go on from, which its line in crm_sync.operations keeps as goes_on_at: from there none is lost or taken twice. Each call makes new deliveries with new keys: not safe to repeat for event routes, whose receiver hears twice; of a state it hears the same again. Role: crm_sync_operator. Errors: CS002 unknown route, CS021 neither ids nor time, CS022 no time column, CS050 ids without p_table where several tables fire the route.';

comment on function crm_sync._tables_of_route(text, regclass) is 'Tables attached to the route; of these one, if it is named. Raises CS002: unknown route.';

comment on function crm_sync._rows_to_backfill(text, text[], text[], timestamptz, int) is
    'Row ids, table by table: those named, or those that fire the route and changed since then, oldest first, and when the last of them did.';

comment on function crm_sync._first_that_fires_after(text, text[], timestamptz) is 'When the next row changed that fires the route; null: there is none.';

comment on function crm_sync._rows_that_fire_sql(text, text[], text) is
    'SQL query over $1, a time, and $2, a limit: rows that fire the route as they are now, and when they changed. Raises CS022: a table has no time column.';

revoke all on function crm_sync.backfill(text, text[], timestamptz, int, text, regclass), crm_sync._tables_of_route(text, regclass),
    crm_sync._rows_to_backfill(text, text[], text[], timestamptz, int), crm_sync._first_that_fires_after(text, text[], timestamptz),
    crm_sync._rows_that_fire_sql(text, text[], text) from public;

grant execute on function crm_sync.backfill(text, text[], timestamptz, int, text, regclass) to crm_sync_operator;

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

create or replace function crm_sync._cancel(p_delivery_ids bigint[], p_of text[], p_error_code text)
returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_cancelled bigint[];
begin
    perform crm_sync._lock_deliveries(p_delivery_ids);
    with cancelled as (
        update crm_sync.deliveries
        set status = 'cancelled', last_error_code = p_error_code, finished_at = clock_timestamp(), is_parked = false
        where deliveries.delivery_id = any (p_delivery_ids) and deliveries.status = any (p_of)
        returning deliveries.delivery_id
    )
    select coalesce(array_agg(cancelled.delivery_id), '{}') into v_cancelled from cancelled;
    perform crm_sync._after_settle(v_cancelled, clock_timestamp());
    return v_cancelled;
end;
$$;

comment on function crm_sync._cancel(bigint[], text[], text) is
    'Cancels those that have one of these statuses, under this error code; returns them. Waits for their locks.';

revoke all on function crm_sync.cancel(bigint[], text), crm_sync._cancel(bigint[], text[], text) from public;

-- sql/crm_sync/09_operate/dry_run.sql

create or replace function crm_sync._dry_run_body(p_table regclass, p_row_id text, p_dry_run jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_deliveries jsonb;
begin
    perform crm_sync._require_attached(p_table);
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

create or replace function crm_sync._require_postable(p_deliveries jsonb)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_limit int := (select settings.max_delivery_bytes from crm_sync.settings);
    v_route text;
    v_bytes int;
begin
    -- As dispatch counts them: _judge_sendable().
    select deliveries.delivery ->> 'route',
           octet_length(deliveries.delivery ->> 'record') + octet_length(deliveries.delivery ->> 'ordering_key')
               + crm_sync._bytes_around_record() as bytes
    into v_route, v_bytes
    from jsonb_array_elements(p_deliveries) as deliveries (delivery)
    order by bytes desc nulls last
    limit 1;
    if v_bytes > v_limit then
        raise exception 'its delivery for route % has % bytes, more than the % that one may have', v_route, v_bytes, v_limit
            using errcode = 'CS037',
                  hint = 'It would go dead as too_large. npm run ops -- dry-run --whole asks the function itself what it would make of it.';
    end if;
    if octet_length(p_deliveries::text) > v_limit then
        raise exception 'its % deliveries make a request of % bytes, more than the % that pg_net may be given',
            jsonb_array_length(p_deliveries), octet_length(p_deliveries::text), v_limit
            using errcode = 'CS048',
                  hint = 'Each fits into a request of its own, and is sent. npm run ops -- dry-run --whole asks the function itself about all.';
    end if;
end;
$$;

create or replace function crm_sync._dry_envelope(p_deliveries jsonb, p_dry_run jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A destination that no route has: a function that knows no dry runs sends none of it either.
    return jsonb_build_object(
        'version', 1, 'dry_run', p_dry_run, 'destination', 'dry_run',
        'expires_at', clock_timestamp() + interval '2 minutes', 'deliveries', p_deliveries);
end;
$$;

create or replace function crm_sync._dry_delivery(p_delivery crm_sync.deliveries, p_record jsonb, p_ordering_key text)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return jsonb_build_object(
        'id', p_delivery.delivery_id, 'route', p_delivery.route, 'attempt', 1, 'idempotency_key', p_delivery.idempotency_key,
        'ordering_key', p_ordering_key, 'captured_at', p_delivery.captured_at, 'record', p_record);
end;
$$;

create or replace function crm_sync._dry_deliveries(p_table_name text, p_row_id text)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_rows       jsonb := crm_sync._rows(p_table_name, array[p_row_id]);
    v_ids        bigint[];
    v_deliveries jsonb;
begin
    if v_rows = '[]' then
        raise exception '% has no row %', p_table_name, p_row_id
            using errcode = 'CS029', hint = 'Its primary key as text; a JSON array where it has several columns.';
    end if;
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

create or replace function crm_sync._dry_read(p_delivery crm_sync.deliveries)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select crm_sync._dry_delivery(p_delivery, built.record, built.ordering_key)
        from crm_sync._records(p_delivery.table_name, p_delivery.route, array[p_delivery.delivery_id]) as built
    );
exception when others then
    -- In dispatch it is a fault, and the delivery waits. The cause may quote the row, which an operator may not see.
    raise exception 'row % of % fires route %, but its record could not be read: %',
        p_delivery.row_id, p_delivery.table_name, p_delivery.route,
        concat_ws(': ', 'SQLSTATE ' || sqlstate, crm_sync._harmless_message(sqlstate, sqlerrm))
        using errcode = 'CS047',
              hint = 'While this lasts its deliveries wait. What is read beside the row: select route, joined from crm_sync.attachments;';
end;
$$;

create or replace function crm_sync.dry_run_result(p_dry_run_id uuid)
returns table (route text, would text, destination text, path text, payload jsonb, error_code text, error text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select results.route, results.would, results.destination, results.path, results.payload, results.error_code, results.error
    from jsonb_to_recordset(crm_sync._dry_run_answer(p_dry_run_id)) as results (
        route text, would text, destination text, path text, payload jsonb, error_code text, error text);
end;
$$;

create or replace function crm_sync._dry_run_answer(p_dry_run_id uuid)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_request bigint := (
        select (operations.arguments ->> 'request_id')::bigint from crm_sync.operations
        where operations.action = 'dry_run' and operations.arguments ->> 'dry_run_id' = p_dry_run_id::text);
    v_answer  record;
    v_results jsonb;
begin
    if v_request is null then
        raise exception 'there is no dry run %', p_dry_run_id
            using errcode = 'CS032', hint = 'select * from crm_sync.dry_run(''public.…'', ''<id>'');';
    end if;
    select answers.status_code, answers.headers, answers.content, answers.error_msg into v_answer
    from net._http_response as answers where answers.id = v_request;
    if not found then
        return jsonb_build_array(jsonb_build_object(
            'would', 'wait', 'error', 'no answer yet: ask again in a second; it is kept for 6 hours'));
    end if;
    v_results := crm_sync._verified(
        p_dry_run_id, v_answer.headers, v_answer.content, (crm_sync._function_access()).secrets) -> 'results';
    -- An older function answers, signed, without a word on what it would do.
    if v_results -> 0 ? 'would' then
        return v_results;
    end if;
    return jsonb_build_array(jsonb_build_object(
        'would', 'fail', 'error_code', 'no_usable_answer',
        'error', coalesce('HTTP ' || v_answer.status_code, v_answer.error_msg)
            || ', not the answer to a dry run: is the newest function deployed? select * from crm_sync.health();'));
end;
$$;

comment on function crm_sync.dry_run(regclass, text, text) is
    'Asks the function what it would send for a row as it is now, for each route that it fires; nothing is sent to a receiver and nothing stays in the ledger. Its body passes pg_net''s queue as any other. The answer, with masked values, a second later: dry_run_result(dry_run_id). Safe to repeat. Role: crm_sync_operator. Errors: CS010 Vault is not set up, CS023 nothing is captured from the table, CS029 no such row, CS031 no route fires, CS037 a delivery is too large to be sent, CS047 a record can not be read, CS048 all of them together are too large for one request to pg_net.';

comment on function crm_sync.dry_run_request(regclass, text, text) is
    'The same question for who asks the function by themselves (npm run ops -- dry-run --whole): its answer holds the values in clear, which pg_net''s tables must not. POST the body, byte by byte, with these headers to the url within 2 minutes. Leaves a line in crm_sync.operations. Safe to repeat. Role: owner. Errors: as dry_run(), but for sizes.';

comment on function crm_sync._dry_deliveries(text, text) is 'What the routes of a row would capture and read now, as the envelope holds it; null: none fires. Leaves nothing. Raises CS029: no such row, CS047: a record can not be read.';

comment on function crm_sync._dry_read(crm_sync.deliveries) is 'A delivery as such an envelope holds it, its record read now; null: its row is gone. Raises CS047: it can not be read; the message has no value of the row.';

comment on function crm_sync._require_postable(jsonb) is 'Raises CS037 for a delivery that dispatch would not send, CS048 for more than one request to pg_net may hold.';

comment on function crm_sync._dry_envelope(jsonb, jsonb) is 'What is posted to the function: deliveries, and that it shall send none of them.';

comment on function crm_sync._dry_delivery(crm_sync.deliveries, jsonb, text) is 'A delivery as such an envelope holds it, with the record and the key that it would have now.';

comment on function crm_sync._dry_run_answer(uuid) is 'The results of a dry run as JSON; one that says wait or fail where there are none. Raises CS032: no such dry run.';

revoke all on function crm_sync.dry_run(regclass, text, text), crm_sync.dry_run_request(regclass, text, text),
    crm_sync._dry_run_body(regclass, text, jsonb), crm_sync._dry_deliveries(text, text),
    crm_sync._dry_read(crm_sync.deliveries), crm_sync._require_postable(jsonb),
    crm_sync.dry_run_result(uuid), crm_sync._dry_run_answer(uuid),
    crm_sync._dry_envelope(jsonb, jsonb), crm_sync._dry_delivery(crm_sync.deliveries, jsonb, text) from public;

-- sql/crm_sync/09_operate/dry_run_pending.sql

-- Shadow mode, the other half: while stopped everything is captured and nothing leaves, and this asks the function what it would
-- make of what waits, some hundred deliveries a call. Nothing is claimed, frozen or sent to a receiver.

create or replace function crm_sync.dry_run_pending(p_after bigint default 0, p_limit int default 100, p_note text default null)
returns table (dry_run_id uuid, delivery_count int, last_delivery_id bigint, see text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO'
as $$
declare
    v_deliveries jsonb;
    v_request    bigint;
begin
    select jsonb_agg(waiting.delivery order by waiting.delivery_id) filter (where waiting.delivery is not null),
           count(waiting.delivery), max(waiting.delivery_id)
    into v_deliveries, delivery_count, last_delivery_id
    from crm_sync._dry_pending(p_after, p_limit) as waiting;
    if last_delivery_id is null then
        raise exception 'nothing waits behind delivery %', p_after
            using errcode = 'CS035', hint = 'select status, count(*) from crm_sync.delivery_log group by status;';
    end if;
    if delivery_count = 0 then
        see := format('select * from crm_sync.dry_run_pending(%s);', last_delivery_id);
        return next;
        return;
    end if;
    dry_run_id := gen_random_uuid();
    see := format('select would, route, error, count(*) from crm_sync.dry_run_pending_result(%L) group by 1, 2, 3;', dry_run_id);
    v_request := crm_sync._post_signed(
        crm_sync._required_function_access(), dry_run_id, crm_sync._dry_envelope(v_deliveries, 'true'),
        (select settings.request_timeout from crm_sync.settings));
    perform crm_sync._note_operation('dry_run', jsonb_build_object(
        'after', p_after, 'dry_run_id', dry_run_id, 'request_id', v_request), delivery_count, p_note);
    return next;
end;
$$;

create or replace function crm_sync._dry_pending(p_after bigint, p_limit int)
returns table (delivery_id bigint, delivery jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_settings crm_sync.settings;
    v_ids      bigint[];
begin
    select * into strict v_settings from crm_sync.settings;
    v_ids := array(
        select waiting.delivery_id from crm_sync.deliveries as waiting
        where waiting.status = 'pending' and waiting.delivery_id > p_after
        order by waiting.delivery_id
        limit least(p_limit, v_settings.max_envelope_deliveries));
    return query
    select sized.delivery_id, sized.delivery
    from (
        select made.delivery_id, fitting.delivery,
               sum(coalesce(octet_length(fitting.delivery::text) + 2, 0)) over (order by made.delivery_id) as bytes
        from (
            select deliveries.delivery_id,
                   case when not built.is_gone then crm_sync._dry_delivery(deliveries, built.record, built.ordering_key) end as delivery
            from crm_sync.deliveries
            left join crm_sync._build_records(v_ids) as built on built.delivery_id = deliveries.delivery_id
            where deliveries.delivery_id = any (v_ids)
        ) as made
        left join lateral (
            select made.delivery where octet_length(made.delivery::text) + 2 < v_settings.max_delivery_bytes
        ) as fitting on true
    ) as sized
    where sized.bytes < v_settings.max_delivery_bytes;
end;
$$;

create or replace function crm_sync.dry_run_pending_result(p_dry_run_id uuid)
returns table (delivery_id bigint, route text, row_id text, would text, payload jsonb, error_code text, error text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select results.delivery_id, results.route, deliveries.row_id, results.would, results.payload, results.error_code, results.error
    from jsonb_to_recordset(crm_sync._dry_run_answer(p_dry_run_id)) as results (
        delivery_id bigint, route text, would text, payload jsonb, error_code text, error text)
    left join crm_sync.deliveries on deliveries.delivery_id = results.delivery_id
    order by results.delivery_id;
end;
$$;

comment on function crm_sync.dry_run_pending(bigint, int, text) is
    'Asks the function what it would send for deliveries that wait, oldest first, behind p_after: as many as one request to pg_net may hold. The next ones: p_after => last_delivery_id. The answer, values masked, a second later: dry_run_pending_result(dry_run_id). What is larger than a request, can not be read or whose row is gone is left out; where that is all, nothing is asked and dry_run_id is null. Safe to repeat. Role: crm_sync_operator. Errors: CS010 Vault is not set up, CS035 nothing waits.';

comment on function crm_sync.dry_run_pending_result(uuid) is
    'The answer, a row for each delivery. would: send, reject (the record is at fault), misconfigured, wait (no answer yet), fail (no usable one). Waits for nothing; safe to repeat for 6 hours. Role: crm_sync_operator. Error: CS032 no such dry run.';

comment on function crm_sync._dry_pending(bigint, int) is 'Deliveries that wait, as an envelope would hold them with the records that they would have now; null: left out.';

revoke all on function crm_sync.dry_run_pending(bigint, int, text), crm_sync.dry_run_pending_result(uuid),
    crm_sync._dry_pending(bigint, int) from public;

grant execute on function crm_sync.dry_run_pending(bigint, int, text), crm_sync.dry_run_pending_result(uuid) to crm_sync_operator;

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
    v_ids        bigint[];
    v_is_gone    boolean;
begin
    perform crm_sync._require_followed();
    v_is_gone := exists (select from crm_sync.related_attachments as related where related.table_name = v_table_name)
        and crm_sync._rows(v_table_name, array[p_row_id]) = '[]';
    -- First what is still to be captured: a tick that is at it is waited for, and what it has captured is found.
    perform crm_sync._erase_uncaptured(array[v_table_name], array[p_row_id]);
    v_ids := crm_sync._deliveries_telling_of(p_table, p_row_id);
    perform crm_sync._erase_deliveries(v_ids);
    perform crm_sync._note_operation(
        'erase',
        jsonb_build_object('table', v_table_name, 'row_id', p_row_id, 'is_gone', case when v_is_gone then true end),
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

create or replace function crm_sync._erase_deliveries(p_delivery_ids bigint[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_waiting bigint[];
begin
    perform crm_sync._lock_deliveries(p_delivery_ids);
    v_waiting := array(
        select deliveries.delivery_id from crm_sync.deliveries
        where deliveries.delivery_id = any (p_delivery_ids) and deliveries.status = 'pending');
    update crm_sync.deliveries
    set record = null,
        last_error = null,
        status = case when deliveries.status = 'pending' then 'cancelled' else deliveries.status end,
        last_error_code = case when deliveries.status = 'pending' then 'erased' else deliveries.last_error_code end,
        finished_at = case when deliveries.status = 'pending' then clock_timestamp() else deliveries.finished_at end,
        is_parked = false
    where deliveries.delivery_id = any (p_delivery_ids);
    update crm_sync.delivery_attempts as attempts set error = null where attempts.delivery_id = any (p_delivery_ids);
    perform crm_sync._after_settle(v_waiting, clock_timestamp());
end;
$$;

create or replace function crm_sync._erase_uncaptured(p_table_names text[], p_row_ids text[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform crm_sync._lock_uncaptured(p_table_names, p_row_ids);
    -- One statement may have changed several rows: the others are still to be captured. The n-th id is of the n-th row.
    update crm_sync.capture_failures as failures
    set row_ids = array(
            select ids.row_id from unnest(failures.row_ids) with ordinality as ids (row_id, place)
            where ids.row_id <> all (erased.row_ids)
            order by ids.place),
        old_rows = crm_sync._rows_but(failures.old_rows, failures.row_ids, erased.row_ids),
        new_rows = crm_sync._rows_but(failures.new_rows, failures.row_ids, erased.row_ids)
    from (
        select rows.table_name, array_agg(rows.row_id) as row_ids
        from unnest(p_table_names, p_row_ids) as rows (table_name, row_id)
        group by rows.table_name
    ) as erased
    where failures.table_name = erased.table_name and failures.row_ids && erased.row_ids;
    delete from crm_sync.capture_failures as failures
    where failures.table_name = any (p_table_names) and failures.row_ids = '{}';
    delete from crm_sync.related_changes as changes
    where (changes.table_name, changes.row_id) in (select * from unnest(p_table_names, p_row_ids));
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
    if not exists (select from crm_sync.related_attachments as related where related.table_name = v_table_name) then
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

create or replace function crm_sync._rows_but(p_rows jsonb, p_row_ids text[], p_erased text[])
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_agg(rows.row order by rows.place) filter (where (p_row_ids[rows.place] = any (p_erased)) is not true), '[]')
    from jsonb_array_elements(p_rows) with ordinality as rows (row, place);
$$;

comment on function crm_sync.erase(regclass, text, text) is
    'Empties the records of a row''s deliveries, and of those that were read from it, as a request''s from its customer, as long as both rows are there and belong together: to be called before they are deleted. Of a row that is gone it empties its own, and warns (CS046) where others may tell of it: erase_person() finds those. Cancels those that wait; one in flight ends with its outcome, and is not tried again. What the receiver was told it keeps. Returns the deliveries. Safe to repeat. Role: crm_sync_operator. Error: CS051 a table was renamed since it was attached.';

comment on function crm_sync._erase_uncaptured(text[], text[]) is 'Takes rows, given as tables and ids, out of what is still to be captured.';

comment on function crm_sync._deliveries_telling_of(regclass, text) is 'Deliveries of a row, and those of others whose record was read from it, as far as the rows that are there can tell.';

comment on function crm_sync._rows_but(jsonb, text[], text[]) is 'The rows of a missed change without those of these ids.';

revoke all on function crm_sync.erase(regclass, text, text), crm_sync._rows_but(jsonb, text[], text[]),
    crm_sync._erase_deliveries(bigint[]), crm_sync._erase_uncaptured(text[], text[]), crm_sync._deliveries_telling_of(regclass, text) from public;

-- sql/crm_sync/09_operate/find_missing.sql

-- The safety net under capture: rows that a route should have sent and whose newest delivery is absent or tells other
-- values. An import or a restore looks just like a hole, so the daily repair mends few and leaves many to a person.

create or replace function crm_sync.find_missing(p_table regclass, p_since timestamptz default null)
returns table (route text, row_id text, reason text)
language plpgsql
security definer
-- As records are built, or the same time would read as another value.
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' set extra_float_digits = '1'
set bytea_output = 'hex' set intervalstyle = 'postgres'
as $$
declare
    v_attachment crm_sync.attachments;
    v_settings   crm_sync.settings;
begin
    perform crm_sync._require_followed(p_table);
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
    -- A newest delivery without record has still to read the row, or is past retention.
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
                  and crm_sync._pick(newest.record, %8$L) <> (select to_jsonb(picked) from (select %9$s) as picked))
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
set bytea_output = 'hex' set intervalstyle = 'postgres'
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

create or replace function crm_sync._sure_since(p_attachment crm_sync.attachments)
returns timestamptz
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select greatest(p_attachment.attached_at, clock_timestamp() - settings.keep_trace) from crm_sync.settings);
end;
$$;

create or replace function crm_sync.repair_missing(p_limit int default 100, p_since timestamptz default null)
returns table (table_name text, route text, missing_count int, repaired_count int)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select repaired.* from crm_sync._repair_tables(
        array(select distinct attachments.table_name from crm_sync.attachments order by 1), p_limit, p_since) as repaired;
end;
$$;

create or replace function crm_sync._repair_tables(p_table_names text[], p_limit int, p_since timestamptz)
returns table (table_name text, route text, missing_count int, repaired_count int)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- One at a time: of two that look at once, both would send. Beside the locks of the keys, which end at 1023.
    perform pg_advisory_xact_lock(1129467219, 1024);
    foreach table_name in array p_table_names loop
        begin
            return query select repaired.* from crm_sync._repair_table(_repair_tables.table_name, p_limit, p_since) as repaired;
        exception
            -- Nothing tells when its rows have changed; preflight says so beforehand.
            when sqlstate 'CS022' then
                null;
            when others then
                perform crm_sync._note_fault('repair of ' || table_name, sqlstate, sqlerrm);
        end;
    end loop;
end;
$$;

create or replace function crm_sync._repair_table(p_table_name text, p_limit int, p_since timestamptz)
returns table (table_name text, route text, missing_count int, repaired_count int)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_missing record;
begin
    for v_missing in
        select missing.route, array_agg(missing.row_id) as row_ids
        from crm_sync.find_missing(p_table_name::regclass, p_since) as missing
        group by missing.route
    loop
        table_name := p_table_name;
        route := v_missing.route;
        missing_count := cardinality(v_missing.row_ids);
        repaired_count := 0;
        if missing_count <= p_limit then
            repaired_count := (
                select count(*)::int from crm_sync.backfill(
                    v_missing.route, v_missing.row_ids, p_note => 'repair', p_table => p_table_name::regclass));
        else
            perform crm_sync._note_fault('repair of ' || p_table_name, 'CS030', format(
                '%s rows of %s were never sent for route %s: more than %s, left to a person',
                missing_count, p_table_name, route, p_limit));
        end if;
        return next;
    end loop;
end;
$$;

comment on function crm_sync.find_missing(regclass, timestamptz) is
    'Rows changed since then (by updated_at, or created_at where that is null or not there; after attach and within retention) that a route should have sent and whose newest delivery is absent, or for a state route tells other values; not those that the tick is still to capture. Of events, and where a transition fires the route, only rows created since attach and within keep_trace: of others nobody can say whether it happened before. Changes nothing. Role: crm_sync_operator. Errors: CS022 no time column, CS051 the table was renamed since it was attached.';

comment on function crm_sync._missing_sql(crm_sync.attachments, boolean) is
    'SQL query over $1 and $2, the oldest change and the oldest row: what one route is missing; or, of older rows, what it may be missing.';

comment on function crm_sync._count_undecided(crm_sync.attachments, timestamptz) is
    'Rows changed since then of which nobody can tell whether they fired the route before, and that have no delivery.';

comment on function crm_sync._sure_since(crm_sync.attachments) is
    'Of rows made since then the ledger holds all that they ever fired: those made before attach, or before what keep_trace keeps, may have fired without a trace.';

comment on function crm_sync.repair_missing(int, timestamptz) is
    'Backfills what find_missing finds, up to so many rows a table and route; more than that it leaves alone and notes as a fault. Scheduled by start(), daily. A table without updated_at or created_at is left out; one that cannot be looked at is noted as a fault and stops no other. Safe to repeat. Role: owner.';

comment on function crm_sync._repair_tables(text[], int, timestamptz) is 'The repair of these tables; one that can not be looked at stops no other.';

revoke all on function crm_sync.find_missing(regclass, timestamptz), crm_sync._missing_sql(crm_sync.attachments, boolean),
    crm_sync._count_undecided(crm_sync.attachments, timestamptz), crm_sync._sure_since(crm_sync.attachments),
    crm_sync.repair_missing(int, timestamptz), crm_sync._repair_tables(text[], int, timestamptz), crm_sync._repair_table(text, int, timestamptz) from public;

-- sql/crm_sync/09_operate/locks.sql

-- Operators' calls wait for each other, and for a tick, in one order: what is still to be captured, by id; then keys, by their
-- locks' numbers; then deliveries, by id. All of a kind at once, before any of it is written: a call that came back for more
-- could meet another one doing the same. The tick, and stop(), wait for none of these.

create or replace function crm_sync._lock_deliveries(p_delivery_ids bigint[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform crm_sync._lock_keys_waiting(p_delivery_ids);
    perform from crm_sync.deliveries
    where deliveries.delivery_id = any (p_delivery_ids)
    order by deliveries.delivery_id
    for no key update;
end;
$$;

create or replace function crm_sync._lock_keys_waiting(p_delivery_ids bigint[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(1129467219, locks.number)
    from (
        select distinct hashtext(deliveries.destination || ' ' || deliveries.ordering_key) & 1023 as number
        from crm_sync.deliveries
        where deliveries.delivery_id = any (p_delivery_ids)
        order by 1
    ) as locks;
end;
$$;

create or replace function crm_sync._lock_uncaptured(p_table_names text[], p_row_ids text[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from crm_sync.capture_failures as failures
    where exists (
        select from unnest(p_table_names, p_row_ids) as wanted (table_name, row_id)
        where wanted.table_name = failures.table_name and wanted.row_id = any (failures.row_ids)
    )
    order by failures.capture_failure_id
    for update;
    perform from crm_sync.related_changes as changes
    where (changes.table_name, changes.row_id) in (select * from unnest(p_table_names, p_row_ids))
    order by changes.related_change_id
    for update;
end;
$$;

comment on function crm_sync._lock_deliveries(bigint[]) is
    'Takes the locks of these deliveries'' keys and then their rows, waiting for them. Once in a call, with all that it will write.';

comment on function crm_sync._lock_uncaptured(text[], text[]) is 'Locks changes of these rows, given as tables and ids, that are still to be captured. Before deliveries.';

revoke all on function crm_sync._lock_deliveries(bigint[]), crm_sync._lock_keys_waiting(bigint[]),
    crm_sync._lock_uncaptured(text[], text[]) from public;

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
        and not exists (select from crm_sync.deliveries where deliveries.table_name = v_table_name) then
        raise exception 'nothing is captured from %', p_table
            using errcode = 'CS023',
                  hint = format('attached tables: %s', array_to_string(array(select * from crm_sync._attached_tables()), ', '));
    end if;
end;
$$;

revoke all on function crm_sync._note_operation(text, jsonb, int, text), crm_sync._require_destination(text),
    crm_sync._require_route(text), crm_sync._require_attached(regclass) from public;

-- sql/crm_sync/09_operate/person.sql

-- One person, found by email or phone: what is known of them here, and its removal. The application's own rows are the
-- application's to delete; what a receiver was told it keeps.

create or replace function crm_sync.export_person(p_email text default null, p_phone text default null, p_note text default null)
returns table (
    kind text, table_name text, row_id text, delivery_id bigint, route text, destination text, status text,
    captured_at timestamptz, finished_at timestamptz, data jsonb
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_tables     text[];
    v_row_ids    text[];
    v_own        bigint[];
    v_deliveries bigint[];
    v_rows       int;
    v_missed     int;
begin
    -- Looked for once: it reads the whole ledger.
    with people as materialized (select * from crm_sync._people(p_email, p_phone))
    select (select array_agg(people.table_name) from people where people.is_own),
           (select array_agg(people.row_id) from people where people.is_own),
           array(select distinct unnest(people.delivery_ids) from people where people.is_own),
           array(select distinct unnest(people.delivery_ids) from people)
    into v_tables, v_row_ids, v_own, v_deliveries;
    return query
    select 'row', rows.table_name, rows.row_id, null::bigint, null::text, null::text, null::text, null::timestamptz, null::timestamptz,
           crm_sync._rows(rows.table_name, array[rows.row_id]) -> 0
    from (
        select people.table_name, people.row_id from unnest(v_tables, v_row_ids) as people (table_name, row_id)
        union
        select deliveries.table_name, deliveries.row_id from crm_sync.deliveries where deliveries.delivery_id = any (v_own)
        order by 1, 2
    ) as rows
    where to_regclass(rows.table_name) is not null
      and crm_sync._rows(rows.table_name, array[rows.row_id]) <> '[]';
    get diagnostics v_rows = row_count;
    return query
    select 'delivery', deliveries.table_name, deliveries.row_id, deliveries.delivery_id, deliveries.route, deliveries.destination,
           deliveries.status, deliveries.captured_at, deliveries.finished_at, deliveries.record
    from crm_sync.deliveries
    where deliveries.delivery_id = any (v_deliveries)
    order by deliveries.delivery_id;
    return query
    select 'missed change', missed.table_name, missed.row_id, null::bigint, null::text, null::text, null::text,
           missed.missed_at, null::timestamptz, missed.change
    from crm_sync._missed_changes_of(v_tables, v_row_ids, crm_sync._bare_email(p_email), crm_sync._phone_digits(p_phone)) as missed;
    get diagnostics v_missed = row_count;
    perform crm_sync._note_operation(
        'export_person', crm_sync._found_by(p_email, p_phone), v_rows + cardinality(v_deliveries) + v_missed, p_note);
end;
$$;

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
    end if;
    perform crm_sync._note_operation(
        'erase_person', crm_sync._found_by(p_email, p_phone) || jsonb_build_object('count_only', p_count_only),
        case when p_count_only then 0 else cardinality(v_ids) end, p_note);
end;
$$;

create or replace function crm_sync._people(p_email text, p_phone text)
returns table (table_name text, row_id text, is_own boolean, delivery_ids bigint[])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_email    text := crm_sync._bare_email(p_email);
    v_phone    text := crm_sync._phone_digits(p_phone);
    v_is_short boolean := crm_sync.is_present(p_phone) and coalesce(length(v_phone), 0) < 6;
begin
    perform crm_sync._require_followed();
    -- Also beside an email: who has entered 0 for a phone would be this person.
    if v_is_short or (v_email is null and v_phone is null) then
        raise exception 'whom? An email, or a phone of at least six digits, finds a person'
            using errcode = 'CS026', hint = case
                when v_is_short then 'The phone is too short: give all of it, or leave it null.'
                else 'select * from crm_sync.export_person(p_email => ''…'');'
            end;
    end if;
    -- A row that told of them once may be somebody else's by now: of it, what told of them, and no more.
    return query
    select found.table_name, found.row_id, bool_or(found.is_own),
           case when bool_or(found.is_own) then crm_sync._deliveries_of_row(found.table_name, found.row_id)
                else array(
                    select deliveries.delivery_id from crm_sync.deliveries
                    where deliveries.row_id = found.row_id and deliveries.table_name = found.table_name
                      and crm_sync._tells_of_person(deliveries.record, v_email, v_phone))
           end
    from (
        select own.table_name, own.row_id, true as is_own from crm_sync._rows_of_person(v_email, v_phone) as own
        union all
        select told.table_name, told.row_id, false from crm_sync._rows_told_of_person(v_email, v_phone) as told
    ) as found
    group by found.table_name, found.row_id
    order by found.table_name, found.row_id;
end;
$$;

create or replace function crm_sync._rows_of_person(p_email text, p_phone text)
returns table (table_name text, row_id text)
language plpgsql
-- As capture does, or the ledger knows the row by another id.
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' set extra_float_digits = '1'
set bytea_output = 'hex' set intervalstyle = 'postgres'
as $$
declare
    v_search record;
begin
    for v_search in
        select attached.name, string_agg(case
            when attributes.attname = any (settings.email_columns) then format('crm_sync._bare_email(this.%I::text) = $1', attributes.attname)
            else format('crm_sync._phone_digits(this.%I::text) = $2', attributes.attname)
        end, ' or ') as condition
        from crm_sync._attached_tables() as attached (name)
        cross join crm_sync.settings
        join pg_catalog.pg_attribute as attributes
          on attributes.attrelid = to_regclass(attached.name)
         and attributes.attname = any (settings.email_columns || settings.phone_columns)
         and attributes.attnum > 0 and not attributes.attisdropped
        group by attached.name
    loop
        table_name := v_search.name;
        for row_id in execute format(
            'select %s from %s as this where %s',
            crm_sync._row_id_sql(table_name::regclass, 'this'), table_name, v_search.condition)
        using p_email, p_phone loop
            return next;
        end loop;
    end loop;
end;
$$;

create or replace function crm_sync._rows_told_of_person(p_email text, p_phone text)
returns table (table_name text, row_id text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Rows that are gone, or tell of somebody else by now. No index serves this: an operator's call may read the ledger once.
    return query
    select deliveries.table_name, deliveries.row_id
    from crm_sync.deliveries
    where crm_sync._tells_of_person(deliveries.record, p_email, p_phone)
    union
    select missed.table_name, missed.row_id
    from crm_sync._missed_changes_of('{}', '{}', p_email, p_phone) as missed;
end;
$$;

create or replace function crm_sync._missed_changes_of(p_own_tables text[], p_own_row_ids text[], p_email text, p_phone text)
returns table (table_name text, row_id text, missed_at timestamptz, change jsonb)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Of their own row all of it; of others only what tells of them: the rest may be somebody else's.
    return query
    select changes.table_name, changes.row_id, changes.failed_at, jsonb_object_agg(images.name, images.image)
    from (
        select failures.capture_failure_id, failures.table_name, failures.failed_at, ids.row_id, ids.position,
               failures.old_rows -> (ids.position - 1)::int as old_row, failures.new_rows -> (ids.position - 1)::int as new_row,
               exists (
                   select from unnest(p_own_tables, p_own_row_ids) as own (table_name, row_id)
                   where own.table_name = failures.table_name and own.row_id = ids.row_id) as is_own
        from crm_sync.capture_failures as failures
        cross join unnest(failures.row_ids) with ordinality as ids (row_id, position)
    ) as changes
    cross join lateral (values ('old', changes.old_row), ('new', changes.new_row)) as images (name, image)
    where images.image is not null
      and (changes.is_own or crm_sync._tells_of_person(images.image, p_email, p_phone))
    group by changes.capture_failure_id, changes.position, changes.table_name, changes.row_id, changes.failed_at
    order by changes.capture_failure_id, changes.position;
end;
$$;

create or replace function crm_sync._tells_of_person(p_record jsonb, p_email text, p_phone text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (
        select from crm_sync.settings
        cross join jsonb_path_query(p_record, 'strict $.** ? (@.type() == "object").keyvalue()') as fields (field)
        where (field ->> 'key' = any (settings.email_columns) and crm_sync._bare_email(field ->> 'value') = p_email)
           or (field ->> 'key' = any (settings.phone_columns) and crm_sync._phone_digits(field ->> 'value') = p_phone));
end;
$$;

create or replace function crm_sync._bare_email(p_email text)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return nullif(lower(btrim(p_email)), '');
end;
$$;

comment on function crm_sync.export_person(text, text, text) is
    'Everything known here of whoever has this email or this phone (settings.email_columns, phone_columns; either suffices): their rows in attached tables as they are now, each delivery that tells of them with its record, as long as that is kept, and, as kind ''missed change'', what capture could not write yet: data has the row before it, old, and after it, new, where they tell of them. Personal data: for their own request. Leaves a line that does not name them. Changes nothing. Role: crm_sync_operator. Errors: CS026 neither email nor phone, or a phone of fewer than six digits, CS051 a table was renamed since it was attached.';

comment on function crm_sync.erase_person(text, text, boolean, text) is
    'Empties the records of every delivery that tells of whoever has this email or this phone, and cancels those that wait, as erase() does for one row. Counts only, unless told p_count_only => false. The application''s own rows it leaves alone; what a receiver was told it keeps. Returns the rows found. Safe to repeat. Role: crm_sync_operator. Errors: CS026 neither email nor phone, or a phone of fewer than six digits, CS051 a table was renamed since it was attached.';

comment on function crm_sync._people(text, text) is 'Rows of a person, and rows that told of them once, with the deliveries that tell of them. Raises CS026 for neither email nor phone, or a phone that is too short to be one person''s.';

comment on function crm_sync._rows_told_of_person(text, text) is 'Rows whose records in the ledger, or whose changes that capture missed, hold this email or phone.';

comment on function crm_sync._missed_changes_of(text[], text[], text, text) is
    'Changes that capture missed, of these rows, or of others where they hold this email (lower case) or phone (digits); old and new as far as they do.';

comment on function crm_sync._tells_of_person(jsonb, text, text) is 'Whether a record holds this email (lower case) or phone (digits) in one of the columns for them, at any depth.';

comment on function crm_sync._bare_email(text) is 'An email as they are compared: lower case, without blanks around it; null: there is none.';

revoke all on function crm_sync.export_person(text, text, text), crm_sync.erase_person(text, text, boolean, text),
    crm_sync._people(text, text), crm_sync._deliveries_of_row(text, text), crm_sync._rows_of_person(text, text), crm_sync._rows_told_of_person(text, text),
    crm_sync._missed_changes_of(text[], text[], text, text), crm_sync._tells_of_person(jsonb, text, text), crm_sync._bare_email(text), crm_sync._phone_digits(text), crm_sync._found_by(text, text) from public;

-- sql/crm_sync/09_operate/purge.sql

-- Retention: records go first, the trace without personal data later. In batches, each a transaction of its own, so that no run
-- locks or bloats much, and one after the other until none is full or ten minutes have passed.

create or replace function crm_sync._purge_command()
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select 'do $purge$ begin loop exit when not crm_sync._purge_again(); commit; end loop; end $purge$'
$$;

create or replace function crm_sync._purge_again(p_batch int default 5000, p_for interval default '10 minutes')
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_full boolean;
begin
    select bool_or(purged.purged_count >= p_batch) into v_is_full from crm_sync.purge(p_batch => p_batch) as purged;
    return v_is_full and crm_sync._has_time_left(p_for);
end;
$$;

create or replace function crm_sync.purge(p_now timestamptz default clock_timestamp(), p_batch int default 5000)
returns table (what text, purged_count int)
language plpgsql
set search_path = pg_catalog, pg_temp set jit = 'off'
as $$
declare
    v_settings crm_sync.settings;
begin
    select * into strict v_settings from crm_sync.settings;
    what := 'records';
    purged_count := crm_sync._purge_records(
        p_now - v_settings.keep_record_delivered, p_now - v_settings.keep_record_dead, p_batch);
    return next;
    what := 'deliveries';
    purged_count := crm_sync._purge_deliveries(p_now - v_settings.keep_trace, p_batch);
    return next;
    what := 'envelopes';
    with purged as (
        delete from crm_sync.envelopes
        where envelopes.envelope_id in (
            select old.envelope_id from crm_sync.envelopes as old
            where old.settled_at < p_now - v_settings.keep_trace
            order by old.settled_at
            limit p_batch
        )
        returning 1
    )
    select count(*)::int into purged_count from purged;
    return next;
    what := 'faults';
    with purged as (
        delete from crm_sync.faults where faults.noticed_at < p_now - v_settings.keep_record_delivered returning 1
    )
    select count(*)::int into purged_count from purged;
    return next;
    what := 'alerts';
    with ended as (
        delete from crm_sync.alerts
        where alerts.ended_at < p_now - case when alerts.told_at is null then interval '7 days' else v_settings.keep_trace end
        returning 1
    ),
    closed as (
        delete from crm_sync.alert_messages where alert_messages.closed_at < p_now - v_settings.keep_trace returning 1
    )
    select (select count(*) from ended) + (select count(*) from closed) into purged_count;
    return next;
    what := 'cron runs';
    purged_count := crm_sync._purge_cron_runs(p_now - interval '1 hour', p_batch);
    return next;
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
        where old.command like any (array['do $tick$%crm\_sync.tick()%', 'do $purge$%crm\_sync.\_purge%', 'select crm\_sync.%'])
          and coalesce(old.end_time, old.start_time) < case when old.status = 'succeeded' then p_before else p_before - interval '1 day' end
        limit p_batch
    );
    get diagnostics v_count = row_count;
    return v_count;
end;
$$;

comment on function crm_sync.purge(timestamptz, int) is
    'Deletes what is past retention (crm_sync.settings), a batch of each kind; returns how many. Scheduled by start(), hourly, again and again for ten minutes while a batch is full. Safe to repeat. Role: owner.';

comment on function crm_sync._purge_command() is 'What start() schedules: batch after batch.';

comment on function crm_sync._purge_again(int, interval) is 'Purges a batch of each kind; whether another one shall follow: one was full, and there is time.';

revoke all on function crm_sync._purge_command(), crm_sync._purge_again(int, interval), crm_sync.purge(timestamptz, int), crm_sync._purge_records(timestamptz, timestamptz, int),
    crm_sync._purge_deliveries(timestamptz, int), crm_sync._purge_cron_runs(timestamptz, int) from public;

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

create or replace function crm_sync._refusals_to_redeliver(p_delivery_ids bigint[], p_force boolean)
returns table (delivery_id bigint, reason text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select ids.delivery_id,
           case
               when deliveries.delivery_id is null then 'no such delivery'
               when deliveries.status in ('pending', 'in_flight') then 'it is ' || deliveries.status || ' already'
               when deliveries.status = 'superseded' then 'superseded by delivery ' || deliveries.superseded_by
               when deliveries.record is null and deliveries.operation = 'TEST'
                   then 'its record is no longer kept; call test_delivery() again'
               when deliveries.record is null
                   and (routes.kind = 'event' or (deliveries.claimed_at is not null and crm_sync._was_seen(ids.delivery_id)))
                   then 'its record is no longer kept; backfill the row instead'
               when deliveries.record is null and to_regclass(deliveries.table_name) is null
                   then format('its table %s is gone, and nobody has read it', deliveries.table_name)
               when gone.delivery_id is not null then
                   'its row is gone, and nothing of it is kept to be sent'
                   || case when deliveries.status = 'dead' then '; cancel it' else '' end
               when p_force then null
               when deliveries.claimed_at is null and to_regclass(deliveries.table_name) is null
                   then format('its table %s is gone; force sends the row as it was captured', deliveries.table_name)
               when deliveries.last_error_code = 'erased' then 'it was erased; backfill the row, or force it'
               when deliveries.status = 'delivered' then 'it is delivered already; force sends it again'
               when newer.delivery_id is not null then format(
                   'delivery %s tells a newer state of %s; backfill the row, or force the old one', newer.delivery_id, deliveries.ordering_key)
           end
    from (select distinct unnest(p_delivery_ids) as delivery_id) as ids
    left join crm_sync.deliveries on deliveries.delivery_id = ids.delivery_id
    left join crm_sync.routes on routes.route = deliveries.route
    left join crm_sync._newer_states(p_delivery_ids) as newer on newer.older_id = ids.delivery_id
    left join crm_sync._without_row(p_delivery_ids) as gone (delivery_id) on gone.delivery_id = ids.delivery_id;
end;
$$;

create or replace function crm_sync._without_row(p_delivery_ids bigint[])
returns setof bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name text;
    v_ids        bigint[];
begin
    -- Those that redeliver() would let read their row again.
    for v_table_name, v_ids in
        select deliveries.table_name, array_agg(deliveries.delivery_id)
        from crm_sync.deliveries
        join crm_sync.routes on routes.route = deliveries.route
        where deliveries.delivery_id = any (p_delivery_ids)
          and routes.kind = 'state'
          and deliveries.operation <> 'TEST'
          and not crm_sync._was_seen(deliveries.delivery_id)
        group by deliveries.table_name
    loop
        return query select unnest(crm_sync._without_row_in(v_table_name, v_ids));
    end loop;
end;
$$;

create or replace function crm_sync._without_row_in(p_table_name text, p_delivery_ids bigint[])
returns bigint[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ids bigint[];
begin
    if to_regclass(p_table_name) is null then
        return array[]::bigint[];
    end if;
    -- Without a primary key nobody can tell.
    execute format(
        'select array_agg(deliveries.delivery_id) from crm_sync.deliveries
         where deliveries.delivery_id = any ($1) and not exists (select from %s as this where %s)',
        p_table_name, coalesce(crm_sync._row_matches_sql(p_table_name::regclass, 'this', 'deliveries.row_id'), 'true'))
    into v_ids using p_delivery_ids;
    return v_ids;
exception when data_exception then
    -- The key has another type by now: no row has such an id.
    return p_delivery_ids;
end;
$$;

comment on function crm_sync._without_row(bigint[]) is 'Those whose record would be read again, and whose row is gone.';

comment on function crm_sync._without_row_in(text, bigint[]) is 'Those of one table whose row is gone; none where the table is gone itself.';

revoke all on function crm_sync.redeliver(bigint[], boolean, text),
    crm_sync.redeliver_dead(text, timestamptz, timestamptz, boolean, text), crm_sync._refusals_to_redeliver(bigint[], boolean),
    crm_sync._newer_states(bigint[]), crm_sync._was_seen(bigint), crm_sync._without_row(bigint[]), crm_sync._without_row_in(text, bigint[]) from public;

-- sql/crm_sync/10_observe/alert_messages.sql

create policy heartbeat_is_for_the_owner_alone on crm_sync.heartbeat
    using (false);

-- sql/crm_sync/10_observe/alerts.sql

create or replace function crm_sync._alert_step(p_step text, p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return case p_step
        when 'answers' then crm_sync._take_message_answers(p_now)
        when 'alerts' then crm_sync._observe_and_tell(p_now)
        when 'messages' then crm_sync._post_messages(p_now)
        when 'heartbeat' then crm_sync._beat(p_now)
    end;
exception when others then
    -- Without Vault or pg_net nobody can be called; the log is written all the same.
    perform crm_sync._note_fault('alert: ' || p_step, sqlstate, sqlerrm);
    return null;
end;
$$;

create or replace function crm_sync._observe_and_tell(p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_checks text[] := crm_sync._checks_to_alert(p_now);
begin
    perform crm_sync._observe(p_now, v_checks);
    return crm_sync._tell(p_now, v_checks);
end;
$$;

comment on function crm_sync._observe_and_tell(timestamptz) is 'The alerts of this minute, and the message that tells of them; returns how many it tells.';

revoke all on function crm_sync.alert(timestamptz), crm_sync._alert_step(text, timestamptz), crm_sync._checks_to_alert(timestamptz),
    crm_sync._observe_and_tell(timestamptz), crm_sync._observe(timestamptz, text[]), crm_sync._tell(timestamptz, text[]), crm_sync._alerts_to_tell(timestamptz, text[]), crm_sync._recoveries_to_tell(timestamptz) from public;

-- sql/crm_sync/10_observe/destination_state.sql

revoke all on function crm_sync._destination_state(text) from public;

-- sql/crm_sync/10_observe/health.sql

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

comment on function crm_sync._checks() is 'The checks of health(), each a function _check_<name> that _checked() calls, in the order in which a cause comes before what it causes.';

-- sql/crm_sync/10_observe/health_deliveries.sql

create or replace function crm_sync._check_signature()
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_complaint text := crm_sync._function_complaint();
begin
    return crm_sync._finding(
        v_complaint is null or not crm_sync._is_about_signature(v_complaint), 'not refused', 'error',
        'function and database do not know each other''s signature: ' || v_complaint,
        'Vault''s crm_sync_signing_secret and the function''s CRM_SYNC_SIGNING_SECRET must share a whsec_… (several: separated by a space); deploy with verify_jwt = false; the clocks must agree within 5 min.');
end;
$$;

create or replace function crm_sync._check_paused()
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_paused   text;
    v_concerns jsonb;
begin
    select string_agg(destinations.destination, ', ' order by destinations.destination), jsonb_object_agg(destinations.destination, null)
    into v_paused, v_concerns
    from crm_sync.destinations
    where destinations.is_paused;
    return crm_sync._finding(
        v_paused is null, 'nothing is paused', 'warning', 'paused: ' || v_paused,
        format('select crm_sync.resume(%L);', split_part(v_paused, ', ', 1)), v_concerns);
end;
$$;

create or replace function crm_sync._check_envelopes(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_oldest timestamptz := (select min(envelopes.dispatched_at) from crm_sync.envelopes where envelopes.status = 'in_flight');
    v_limit  interval := (select settings.lease + interval '1 minute' from crm_sync.settings);
begin
    return crm_sync._finding(
        v_oldest is null or v_oldest > p_now - v_limit,
        case when v_oldest is null then 'none is under way' else 'the oldest under way left ' || crm_sync._ago(v_oldest, p_now) end, 'error',
        'one has been under way for ' || crm_sync._span(p_now - v_oldest),
        'The tick settles what is under way: select * from crm_sync.tick(); what it said: select * from crm_sync.faults order by fault_id desc limit 10; what another session holds it leaves alone: select pid, state, xact_start, query from pg_stat_activity where pid in (select pid from pg_locks where relation = ''crm_sync.deliveries''::regclass and mode in (''RowShareLock'', ''RowExclusiveLock'')) order by xact_start;');
end;
$$;

create or replace function crm_sync._check_dead_letters()
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_dead     text;
    v_concerns jsonb;
begin
    select string_agg(format('%s of %s (%s)', dead.count, dead.route, dead.codes), '; ' order by dead.route),
           jsonb_object_agg(dead.route, dead.count)
    into v_dead, v_concerns
    from (
        select deliveries.route, count(*) as count, string_agg(distinct deliveries.last_error_code, ', ') as codes
        from crm_sync.deliveries
        where deliveries.status = 'dead'
        group by deliveries.route
    ) as dead;
    return crm_sync._finding(
        v_dead is null, 'none', 'error', 'dead: ' || v_dead,
        'select * from crm_sync.dead_letters; a corrected row is sent again by itself, another is by select * from crm_sync.redeliver(array[…]); or given up by select * from crm_sync.cancel(array[…]);', v_concerns);
end;
$$;

comment on function crm_sync._check_signature() is 'Check: function and database verify each other.';

comment on function crm_sync._check_paused() is 'Check: no destination is paused.';

comment on function crm_sync._check_dead_letters() is 'Check: nothing is dead.';

revoke all on function crm_sync._function_complaint(), crm_sync._is_about_signature(text), crm_sync._check_function(timestamptz),
    crm_sync._check_signature(), crm_sync._check_breakers(timestamptz), crm_sync._check_paused(),
    crm_sync._check_backlog(timestamptz), crm_sync._destinations_in_service(), crm_sync._check_envelopes(timestamptz),
    crm_sync._check_dead_letters(), crm_sync._check_silence(timestamptz),
    crm_sync._route_gaps(timestamptz, int), crm_sync._check_alerts(timestamptz) from public;

-- sql/crm_sync/10_observe/health_platform.sql

create or replace function crm_sync._check_platform()
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_missing text := crm_sync._missing_platform();
begin
    return crm_sync._finding(
        v_missing is null, 'pg_net, pg_cron and Vault are there', 'error', 'missing: ' || v_missing,
        crm_sync._platform_mend() || ' Then select crm_sync.start();');
end;
$$;

create or replace function crm_sync._check_secrets()
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_function crm_sync.function_access := crm_sync._function_access();
    v_wrong    text;
begin
    select string_agg(said.wrong, '; ') into v_wrong
    from (values
        (case when v_function.url is null then 'crm_sync_function_url is missing'
              when v_function.url !~ '^https?://' then 'crm_sync_function_url is no URL' end),
        (case when v_function.secrets is null then 'crm_sync_signing_secret is missing'
              when exists (select from unnest(v_function.secrets) as secrets (secret)
                           where secrets.secret !~ '^whsec_([A-Za-z0-9+/]{4})+([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$')
              then 'crm_sync_signing_secret is not whsec_<base64>' end)
    ) as said (wrong);
    return crm_sync._finding(
        v_wrong is null, 'Vault holds URL and signing secret', 'error', v_wrong,
        'select vault.create_secret(''whsec_…'', ''crm_sync_signing_secret''); to change one: select vault.update_secret(id, ''…'') from vault.secrets where name = ''…''; the function must know the same signing secret.');
end;
$$;

create or replace function crm_sync._check_pg_net_worker()
returns crm_sync.finding
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_up boolean := crm_sync._pg_net_is_up();
begin
    if v_is_up is null then
        return row('unknown', 'this pg_net can not be asked', 'alter extension pg_net update;', null, null)::crm_sync.finding;
    end if;
    return crm_sync._finding(
        v_is_up, 'pg_net''s worker runs', 'error', 'pg_net''s worker does not run: nothing leaves',
        'select net.worker_restart(); if that does not help, restart the database.');
end;
$$;

create or replace function crm_sync._check_cron_jobs()
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_missing  text;
    v_concerns jsonb;
begin
    if not (select settings.is_running from crm_sync.settings) then
        return row('ok', 'none while stopped', null, null, null)::crm_sync.finding;
    end if;
    select string_agg(wanted.job, ', ' order by wanted.job), jsonb_object_agg(wanted.job, null) into v_missing, v_concerns
    from crm_sync._wanted_jobs() as wanted
    where not exists (
        select from cron.job as jobs
        where jobs.jobname = wanted.job and jobs.command = wanted.command and jobs.active and jobs.database = current_database()
    );
    return crm_sync._finding(
        v_missing is null, 'all are scheduled', 'error', 'not scheduled, inactive, or another release''s: ' || v_missing,
        'select crm_sync.start();', v_concerns);
end;
$$;

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
        select runs.status, runs.start_time
        from cron.job_run_details as runs
        -- A run that goes on may take a minute, and came after the one that failed.
        where runs.jobid = jobs.jobid and runs.status in ('succeeded', 'failed', 'running')
        order by runs.runid desc
        limit 1
    ) as last
    where jobs.jobname in (select wanted.job from crm_sync._wanted_jobs() as wanted) and last.status = 'failed';
    return crm_sync._finding(
        v_failing is null, 'no last run failed', 'error', 'the last run failed: ' || v_failing,
        'select command, return_message, start_time from cron.job_run_details where status = ''failed'' order by runid desc limit 10;', v_concerns);
end;
$$;

create or replace function crm_sync._check_cron_history(p_limit int default 100000)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count bigint := (select count(*) from (select from cron.job_run_details limit p_limit + 1) as some_runs);
begin
    return crm_sync._finding(
        v_count <= p_limit, format('%s lines in cron.job_run_details', v_count), 'warning',
        format('more than %s lines in cron.job_run_details', p_limit),
        'select * from crm_sync.purge(); takes away ours; those of other jobs: delete from cron.job_run_details where end_time < now() - interval ''7 days'';');
end;
$$;

create or replace function crm_sync._check_restored_copy()
returns crm_sync.finding
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return crm_sync._finding(
        not crm_sync._is_a_copy((select settings.started_on from crm_sync.settings)), 'the server on which it was started', 'error',
        'not the server on which it was started: a restored backup, a copy, or a new primary; nothing leaves',
        'If it takes the original''s place, or shall send to a CRM of its own: select crm_sync.start(); if it is a copy: select crm_sync.stop(); and take the crm_sync_% secrets out of its Vault.');
end;
$$;

comment on function crm_sync._check_platform() is 'Check: extensions are there.';

comment on function crm_sync._check_secrets() is 'Check: Vault holds what dispatch needs, in the right form.';

comment on function crm_sync._check_pg_net_worker() is 'Check: pg_net''s worker runs.';

comment on function crm_sync._check_cron_jobs() is 'Check: our jobs are scheduled as this release wants them, and active.';

comment on function crm_sync._check_cron_history(int) is 'Check: pg_cron''s history, which nobody else purges, stays small.';

comment on function crm_sync._check_restored_copy() is 'Check: server, timeline and database are those of the last start().';

revoke all on function crm_sync._check_running(timestamptz), crm_sync._check_platform(), crm_sync._check_secrets(),
    crm_sync._check_pg_net_worker(), crm_sync._check_pg_net_queue(timestamptz), crm_sync._check_cron_jobs(),
    crm_sync._check_cron_runs(timestamptz), crm_sync._check_cron_history(int), crm_sync._check_tick(timestamptz),
    crm_sync._check_restored_copy() from public;

-- sql/crm_sync/10_observe/health_tables.sql

-- The checks of health() on capture: its triggers, the tables under them, and what it missed.

create or replace function crm_sync._check_triggers()
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_off      text;
    v_dropped  text;
    v_strange  text;
    v_concerns jsonb;
begin
    select string_agg(wrong.what, ', ' order by wrong.place, wrong.what) filter (where wrong.how = 'disabled'),
           string_agg(wrong.what, ', ' order by wrong.place, wrong.what) filter (where wrong.how = 'dropped'),
           string_agg(wrong.what, ', ' order by wrong.place, wrong.what) filter (where wrong.how = 'strange'),
           jsonb_object_agg(wrong.what, null)
    into v_off, v_dropped, v_strange, v_concerns
    from crm_sync._wrong_triggers() as wrong;
    return crm_sync._finding(
        v_concerns is null, 'all there and enabled', 'error',
        concat_ws('; ', 'dropped: ' || v_dropped, 'of another name: ' || v_strange, 'disabled: ' || v_off),
        concat_ws(' ',
            case when v_dropped is not null or v_strange is not null then 'select crm_sync.reattach();' end,
            case when v_off is not null then 'alter table … enable trigger …;' end,
            'Then what was missed: select * from crm_sync.repair_missing();'),
        v_concerns);
end;
$$;

create or replace function crm_sync._wrong_triggers()
returns table (how text, place text, what text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select case when triggers.oid is null then 'dropped' else 'disabled' end, wanted.table_name,
           format('%s on %s', wanted.trigger, wanted.table_name)
    from (
        select attachments.table_name, 'crm_sync_capture_insert' as trigger from crm_sync.attachments
        union
        select attached.name, 'crm_sync_capture_update' from crm_sync._attached_tables() as attached (name)
        union
        values ('crm_sync.deliveries', 'dispatch_at_commit')
    ) as wanted
    left join pg_catalog.pg_trigger as triggers
      on triggers.tgrelid = to_regclass(wanted.table_name) and triggers.tgname = wanted.trigger
    where crm_sync._is_table(wanted.table_name) and (triggers.oid is null or triggers.tgenabled not in ('O', 'A'));
    -- A table under another name, one that made room for another, or a trigger under another name.
    return query
    select distinct 'strange', triggers.table_name, case
        when triggers.function_name = crm_sync._generated_name('capture', triggers.table_name)
            then format('%s on %s', triggers.trigger_name, triggers.table_name)
        else concat_ws(' ', triggers.table_name, 'has those of', coalesce(attached.name, triggers.function_name))
    end
    from crm_sync._capture_triggers() as triggers
    left join crm_sync._attached_tables() as attached (name)
      on triggers.function_name = crm_sync._generated_name('capture', attached.name)
    where not triggers.is_own;
end;
$$;

create or replace function crm_sync._check_columns()
returns crm_sync.finding
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_broken   text;
    v_concerns jsonb;
begin
    select string_agg(broken.what, '; ' order by broken.table_name), jsonb_object_agg(broken.table_name, null)
    into v_broken, v_concerns
    from (
        select attached.table_name, coalesce(
            attached.table_name || ' is a partition of ' || crm_sync._partition_of(attached.table_name) || ' now: detach it and attach that',
            attached.table_name || ' has no column ' || crm_sync._missing_columns(attached.table_name),
            crm_sync._why_not_captured(attached.table_name)
        ) as what
        from crm_sync._attached_tables() as attached (table_name)
        where crm_sync._is_table(attached.table_name)
        union all
        select gone.table_name, concat(gone.table_name, ' is gone', ': ' || nullif(gone.waiting_count, 0) || ' deliveries wait for it')
        from crm_sync._tables_that_are_gone() as gone
    ) as broken
    where broken.what is not null;
    return crm_sync._finding(
        v_broken is null, 'the tables are as they were attached', 'error', v_broken,
        'Attach again with the columns as they are now: select crm_sync.attach(…); or rename back. What capture could not write is kept and sent then. A table that is gone: select crm_sync.forget(''public.…'');',
        v_concerns);
end;
$$;

create or replace function crm_sync._partition_of(p_table_name text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select crm_sync._table_name(parts.inhparent)
        from pg_catalog.pg_inherits as parts
        join pg_catalog.pg_class as classes on classes.oid = parts.inhrelid
        where parts.inhrelid = to_regclass(p_table_name) and classes.relispartition
    );
end;
$$;

create or replace function crm_sync._tables_that_are_gone()
returns table (table_name text, waiting_count bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Those attached, but for the renamed, of which the check of the triggers tells; and those that something waits for that
    -- were detached before they went.
    return query
    with attached as (
        select * from crm_sync._attached_tables() as attached (name)
    ),
    gone as (
        select known.name
        from (
            select attached.name from attached
            union
            select * from crm_sync._tables_not_read()
        ) as known
        where not crm_sync._is_table(known.name)
          and known.name not in (select renamed.former_name from crm_sync._renamed_tables() as renamed)
    )
    select gone.name, waiting.count
    from gone
    cross join lateral (
        select count(*)
        from crm_sync.deliveries
        where deliveries.table_name = gone.name and deliveries.status = 'pending' and deliveries.claimed_at is null
          and (deliveries.record is null or deliveries.last_error_code = 'record_not_built')
    ) as waiting
    where waiting.count > 0 or gone.name in (select attached.name from attached);
end;
$$;

create or replace function crm_sync._tables_not_read()
returns setof text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- What can not be read is tried again each minute, and leaves a fault: no need to look through all that waits.
    return query
    select distinct substr(faults.place, length('record of ' || routes.route || ' from ') + 1)
    from crm_sync.faults
    join crm_sync.routes on starts_with(faults.place, 'record of ' || routes.route || ' from ');
exception
    -- The check of the faults says that it can not look.
    when lock_not_available then
        return;
end;
$$;

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
    from crm_sync.capture_failures as failures;
    return crm_sync._finding(
        v_failed.count = 0, 'none', 'error',
        format('%s statements wait to be captured, the oldest for %s: %s', v_failed.count,
               crm_sync._span(p_now - v_failed.oldest_at), concat_ws(': ', v_failed.tables, v_failed.detail)),
        'They are kept and captured by the tick once the cause is gone; a table that was changed: see the check "columns". A lock (55P03) ends by itself. A table that was renamed: select crm_sync.reattach(); A table that was detached (CS038): attach it again, or give them up: delete from crm_sync.capture_failures where table_name = …;',
        jsonb_build_object('', v_failed.count));
end;
$$;

create or replace function crm_sync._check_unstored_changes()
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_seen  crm_sync.unstored_seen;
    v_value bigint := (select last_value from crm_sync.unstored_changes where is_called);
begin
    select * into v_seen from crm_sync.unstored_seen;
    return crm_sync._finding(
        coalesce(v_value, 0) <= coalesce(v_seen.value, 0) and v_seen.horizon is null, 'none', 'warning',
        'changes could be neither captured nor stored; the tick looks for them',
        'select * from crm_sync.repair_missing(); as soon as no transaction is older than they are the tick looks once more and this ends.');
end;
$$;

create or replace function crm_sync._check_missing_rows(p_now timestamptz)
returns crm_sync.finding
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name text;
    v_found      text;
    v_count      bigint;
    v_missing    text;
    v_skipped    text;
    v_concerns   jsonb;
begin
    for v_table_name in select distinct attachments.table_name from crm_sync.attachments order by 1 loop
        if not crm_sync._is_quick_to_search(v_table_name) then
            v_skipped := concat_ws(', ', v_skipped, v_table_name);
            continue;
        end if;
        begin
            select string_agg(format('%s of %s for %s', missing.count, v_table_name, missing.route), ', '), sum(missing.count)
            into v_found, v_count
            from (
                select gaps.route, count(*) as count
                from crm_sync.find_missing(v_table_name::regclass, p_now - interval '1 day') as gaps
                group by gaps.route
            ) as missing;
            if v_found is not null then
                v_missing := concat_ws(', ', v_missing, v_found);
                v_concerns := coalesce(v_concerns, '{}') || jsonb_build_object(v_table_name, v_count);
            end if;
        exception when undefined_column or undefined_table or undefined_function or datatype_mismatch then
            v_skipped := concat_ws(', ', v_skipped, v_table_name);
        end;
    end loop;
    return crm_sync._finding(
        v_missing is null, 'none within a day' || coalesce('; not looked at: ' || v_skipped, ''), 'error',
        'never sent as they are: ' || v_missing,
        'select * from crm_sync.find_missing(''…''); up to 100 rows: select * from crm_sync.repair_missing(); more, if they are to be sent: select * from crm_sync.backfill(''<route>'', p_since => now() - interval ''1 day'');',
        v_concerns);
end;
$$;

comment on function crm_sync._check_triggers() is 'Check: the triggers of capture, and the one that dispatches at commit, are there, enabled, and of the tables'' own names.';

comment on function crm_sync._wrong_triggers() is 'Triggers that are dropped, disabled, or strange: left by a rename on the wrong table, or under another name.';

comment on function crm_sync._check_columns() is 'Check: attached tables have what attach() was told of.';

comment on function crm_sync._partition_of(text) is 'The partitioned table of which a table is a partition: what is written to that is not captured; null: of none.';

comment on function crm_sync._tables_that_are_gone() is 'Tables that are gone and attached, or still waited for, with how many deliveries wait to be read from them.';

comment on function crm_sync._tables_not_read() is 'Tables that a record could not be read from, within the week for which faults are kept.';

comment on function crm_sync._check_unstored_changes() is 'Check: every change could at least be stored.';

revoke all on function crm_sync._check_triggers(), crm_sync._wrong_triggers(), crm_sync._check_columns(), crm_sync._partition_of(text),
    crm_sync._tables_that_are_gone(), crm_sync._tables_not_read(), crm_sync._missing_columns(text),
    crm_sync._why_not_captured(text), crm_sync._check_capture_failures(timestamptz), crm_sync._check_unstored_changes(),
    crm_sync._check_missing_rows(timestamptz), crm_sync._check_faults(timestamptz) from public;

-- sql/crm_sync/10_observe/http_log.sql

-- Our requests beside what pg_net knows of them. Through a function: a view on net.* would stand in the way of pg_net's
-- updates. Definer: readers have no rights on the envelopes. No content of an answer: it may be a stranger's.

create or replace function crm_sync._http_log()
returns table (
    envelope_id uuid, request_id bigint, destination text, delivery_count int, is_probe boolean, dispatched_at timestamptz,
    status text, settled_at timestamptz, is_queued boolean, answered_at timestamptz, http_status int, timed_out boolean,
    error text, error_code text, is_signed_as_ours boolean
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '50ms'
as $$
#variable_conflict use_column
begin
    -- pg_net keeps answers for 6 hours; an answer's time is the start of its batch. Ids begin anew after a crash.
    return query
    select envelopes.envelope_id, envelopes.request_id, envelopes.destination, envelopes.delivery_count, envelopes.is_probe,
           envelopes.dispatched_at, envelopes.status, envelopes.settled_at,
           exists (
               select from net.http_request_queue as queue
               where queue.id = envelopes.request_id and queue.headers ->> 'webhook-id' = envelopes.envelope_id::text),
           answers.created, coalesce(envelopes.http_status, answers.status_code), answers.timed_out, answers.error_msg,
           -- One word, as the platform and our function write them.
           substring(left(answers.content, 1000) from '"(?:error|code)"\s*:\s*"([A-Za-z_]{1,60})"'),
           exists (
               select from jsonb_each_text(answers.headers) as headers
               where lower(headers.key) = 'webhook-id' and headers.value = envelopes.envelope_id::text)
    from crm_sync.envelopes
    left join net._http_response as answers
      on answers.id = envelopes.request_id
     and answers.created between envelopes.dispatched_at - interval '10 minutes' and envelopes.dispatched_at + interval '1 hour'
    where envelopes.status = 'in_flight'
       or (envelopes.settled_at > now() - interval '7 hours' and envelopes.dispatched_at > now() - interval '7 hours');
end;
$$;

-- sql/crm_sync/10_observe/platform.sql

create or replace function crm_sync._platform_mend()
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select 'create extension pg_net; create extension pg_cron; create extension supabase_vault cascade; on Supabase also under Database → Extensions. '
        'A pg_net that is there without net.wake(): alter extension pg_net update;'
$$;

comment on function crm_sync._platform_mend() is 'What to do where one of them is not there.';

revoke all on function crm_sync._missing_platform(), crm_sync._platform_mend(), crm_sync._pg_net_is_up() from public;

-- sql/crm_sync/10_observe/route_health.sql

revoke all on function crm_sync._route_health(timestamptz) from public;

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
    v_delivery   crm_sync.deliveries;
begin
    perform crm_sync._require_attached(p_table);
    select newest.* into v_delivery
    from (
        select distinct on (deliveries.route) deliveries.*
        from crm_sync.deliveries
        where deliveries.row_id = p_row_id and deliveries.table_name = v_table_name
        order by deliveries.route, deliveries.delivery_id desc
    ) as newest
    order by array_position(array['dead', 'pending', 'in_flight', 'delivered', 'superseded', 'cancelled'], newest.status),
             newest.delivery_id desc
    limit 1;
    if exists (
        select from crm_sync.capture_failures as failures
        where failures.table_name = v_table_name and p_row_id = any (failures.row_ids)
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
    v_ids        bigint[];
begin
    perform crm_sync._require_attached(p_table);
    v_ids := crm_sync._deliveries_telling_of(p_table, p_row_id);
    return query
    select steps.at, steps.delivery_id, steps.route, steps.step, nullif(steps.detail, '')
    from (
        select * from crm_sync._captures_of(v_ids)
        union all
        select * from crm_sync._attempts_of(v_ids)
        union all
        select * from crm_sync._states_of(v_ids)
        union all
        select * from crm_sync._operations_on(v_ids, v_table_name, p_row_id)
        union all
        select failures.failed_at, null, null, 'missed by capture',
               format('SQLSTATE %s; captured again from %s on', failures.sql_state, failures.next_retry_at)
        from crm_sync.capture_failures as failures
        where failures.table_name = v_table_name and p_row_id = any (failures.row_ids)
    ) as steps (at, delivery_id, route, step, detail)
    order by steps.at, steps.delivery_id;
end;
$$;

comment on function crm_sync.trace(regclass, text) is
    'What happened to a row, in order of time: captured, each attempt with outcome, status and error, waits or how it ended, and each operator''s call. Of a row whose values others tell of (a customer), theirs, as long as it is there: of one that is gone, its own alone. Changes nothing; no personal data. Roles: crm_sync_reader, crm_sync_operator. Error: CS023 nothing is captured from this table. No rows: nothing of this row was ever captured.';

revoke all on function crm_sync.trace(regclass, text), crm_sync._captures_of(bigint[]), crm_sync._attempts_of(bigint[]),
    crm_sync._states_of(bigint[]), crm_sync._operations_on(bigint[], text, text) from public;

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
           ('crm_sync_wake', '*/10 * * * *', 'select crm_sync._wake_forgotten_keys()'),
           ('crm_sync_alert', '* * * * *', 'select crm_sync.alert()'),
           ('crm_sync_purge', '17 * * * *', crm_sync._purge_command()),
           ('crm_sync_repair', '43 4 * * *', 'select crm_sync.repair_missing()');
end;
$$;

create or replace function crm_sync._schedule(p_every text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- First what is there: scheduling a known name leaves it inactive if it was.
    perform crm_sync._unschedule();
    perform cron.schedule(wanted.job, wanted.schedule, wanted.command) from crm_sync._wanted_jobs(p_every) as wanted;
end;
$$;

create or replace function crm_sync._unschedule()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if to_regclass('cron.job') is null then
        return;
    end if;
    -- By id: unscheduling an unknown name raises.
    perform cron.unschedule(jobs.jobid) from cron.job as jobs
    where jobs.jobname in (select wanted.job from crm_sync._wanted_jobs() as wanted);
end;
$$;

-- Each migration of a later release ends with it.
create or replace function crm_sync._finish_upgrade()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_former_name text;
    v_table_name  text;
begin
    -- Table by table: one that is gone, which health() tells, holds up no upgrade.
    for v_former_name, v_table_name in
        select renamed.former_name, renamed.table_name from crm_sync._renamed_tables() as renamed where renamed.is_certain
    loop
        begin
            perform crm_sync._follow_rename(v_former_name, v_table_name);
        exception when others then
            perform crm_sync._note_fault('upgrade of ' || v_table_name, sqlstate, sqlerrm);
        end;
    end loop;
    for v_table_name in select * from crm_sync._attached_tables() loop
        begin
            perform crm_sync._reattach_table(v_table_name);
        exception when others then
            perform crm_sync._note_fault('upgrade of ' || v_table_name, sqlstate, sqlerrm);
        end;
    end loop;
    if to_regclass('cron.job') is null then
        return;
    end if;
    -- The command alone: whether and when a job runs is the operator's.
    perform cron.alter_job(jobs.jobid, command => wanted.command)
    from cron.job as jobs
    join crm_sync._wanted_jobs() as wanted on wanted.job = jobs.jobname
    where jobs.command <> wanted.command and jobs.database = current_database();
end;
$$;

comment on function crm_sync._wanted_jobs(text) is 'The jobs of this release; the tick''s schedule is the caller''s.';

comment on function crm_sync._schedule(text) is 'Gives pg_cron the jobs of this release, the tick as often as said, in place of those that it has.';

comment on function crm_sync._finish_upgrade() is 'Makes generated functions, and what the scheduled jobs do, those of this release. A table that can not be attached anew is noted as a fault. Safe to repeat. Role: owner.';

revoke all on function crm_sync._wanted_jobs(text), crm_sync._schedule(text), crm_sync._unschedule(), crm_sync._finish_upgrade() from public;

-- sql/crm_sync/11_schedule/start_stop.sql

-- start() and stop(): the schedule in pg_cron, and the one switch that everything that leaves asks first.

create or replace function crm_sync.start(p_every text default '2 seconds')
returns crm_sync.settings
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_settings crm_sync.settings;
begin
    perform crm_sync._require_platform();
    -- First the settings, as stop() does: of two that change the jobs one waits for the other.
    update crm_sync.settings set is_running = true, started_on = crm_sync._server_identity() returning * into v_settings;
    perform crm_sync._schedule(p_every);
    perform crm_sync._note_operation('start', jsonb_build_object('every', p_every), 1);
    return v_settings;
end;
$$;

create or replace function crm_sync.stop()
returns crm_sync.settings
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_settings crm_sync.settings;
    v_envelope uuid;
    v_count    int := 0;
begin
    update crm_sync.settings set is_running = false returning * into v_settings;
    perform crm_sync._unschedule();
    for v_envelope in select envelopes.envelope_id from crm_sync.envelopes where envelopes.status = 'in_flight' loop
        v_count := v_count + crm_sync._settle(crm_sync._take_back(v_envelope, clock_timestamp()), clock_timestamp());
        -- What another session holds stays in flight, and does not leave either.
        perform crm_sync._withdraw(v_envelope);
    end loop;
    perform crm_sync._note_operation('stop', '{}', v_count);
    return v_settings;
end;
$$;

create or replace function crm_sync._require_platform()
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_missing text := crm_sync._missing_platform();
begin
    if v_missing is not null then
        raise exception 'crm-sync can not start without %', v_missing
            using errcode = 'CS012', hint = crm_sync._platform_mend();
    end if;
end;
$$;

comment on function crm_sync.start(text) is
    'Schedules the tick (every ''N seconds'' or a cron expression) and lets deliveries leave. Safe to repeat; changes the interval. Role: owner. Error: CS012 pg_net, pg_cron or Vault is missing, or pg_net is older than 0.19.';

comment on function crm_sync.stop() is
    'Nothing leaves any more: no tick, no dispatch at commit, our requests still in pg_net''s queue are taken back; without pg_net, or where another session holds what they carry, they stay in flight, and are sent again later. Capture goes on; start() sends what was captured. Waits for a tick that is running, and for whoever changes the settings; for no other operator. Safe to repeat. Role: owner.';

revoke all on function crm_sync.start(text), crm_sync.stop(), crm_sync._require_platform() from public;

-- sql/crm_sync/11_schedule/tick.sql

create or replace function crm_sync._tick_step(p_step text, p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return case p_step
        when 'capture_missed' then crm_sync._capture_missed(p_now)
        when 'capture_related' then crm_sync._capture_related()
        when 'reconcile' then crm_sync._reconcile(p_now)
        when 'dispatch' then crm_sync._dispatch_due(p_now)
    end;
exception when others then
    perform crm_sync._note_fault('tick: ' || p_step, sqlstate, sqlerrm);
    return null;
end;
$$;

-- sql/crm_sync/11_schedule/tick_again.sql

create or replace function crm_sync._shall_tick_again(p_for interval default '1 minute', p_pause interval default '0.25 seconds')
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Settings before envelopes, as in the tick: whoever alters both meets no deadlock.
    if not crm_sync._has_time_left(p_for)
        or not (select settings.is_running from crm_sync.settings)
        or not exists (select from crm_sync.envelopes where envelopes.status = 'in_flight') then
        return false;
    end if;
    perform pg_sleep_for(p_pause);
    -- Once more after the pause: who has called stop() meanwhile meets no tick.
    return (select settings.is_running from crm_sync.settings);
end;
$$;

-- sql/crm_sync/11_schedule/time_left.sql

-- For scheduled commands that go on in rounds, as the tick and the purge do: one is a statement from its first round to its
-- last, and ends before it is ended.

create or replace function crm_sync._has_time_left(p_for interval)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_timeout interval := current_setting('statement_timeout')::interval;
begin
    return clock_timestamp() < statement_timestamp()
        + case when v_timeout > interval '0' then least(p_for, 0.75 * v_timeout) else p_for end;
end;
$$;

comment on function crm_sync._has_time_left(interval) is 'Whether a statement that may take so long has time for another round, also by its statement_timeout.';

revoke all on function crm_sync._has_time_left(interval) from public;

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
begin
    perform crm_sync._require_administrator();
    if p_table is not null then
        v_table_name := crm_sync._attached_table(p_table);
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
      and (p_row_id is null or deliveries.row_id = p_row_id)
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
begin
    perform crm_sync._require_administrator();
    if num_nulls(p_delivery_ids, p_table) <> 1 or num_nulls(p_table, p_row_id) = 1 then
        raise exception 'redeliver what?' using errcode = 'CS025', hint = 'Give p_delivery_ids, or p_table and p_row_id.';
    end if;
    if p_table is not null then
        v_table_name := crm_sync._attached_table(p_table);
        -- Of each route the newest: what is older has been told, or is no longer true.
        v_ids := array(
            select max(deliveries.delivery_id) from crm_sync.deliveries
            where deliveries.row_id = p_row_id and deliveries.table_name = v_table_name
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

-- sql/crm_sync/12_dashboard/rights.sql

create or replace function crm_sync._attached_table(p_table text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name text;
begin
    select attached.table_name into v_table_name
    from crm_sync._attached_tables() as attached (table_name)
    where attached.table_name in (p_table, 'public.' || p_table, 'public.' || quote_ident(p_table))
    order by attached.table_name = p_table desc
    limit 1;
    if v_table_name is null then
        raise exception 'nothing is captured from "%"', p_table
            using errcode = 'CS023',
                  hint = format('attached tables: %s', array_to_string(array(select * from crm_sync._attached_tables()), ', '));
    end if;
    return v_table_name;
end;
$$;

select crm_sync._finish_upgrade();
