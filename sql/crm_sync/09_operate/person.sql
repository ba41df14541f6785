-- One person, found by email or phone: what is known of them here, and its removal. The application's own rows are the
-- application's to delete; what a receiver was told it keeps.

create function crm_sync.export_person(p_email text default null, p_phone text default null, p_note text default null)
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

create function crm_sync.erase_person(
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

create function crm_sync._people(p_email text, p_phone text)
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

create function crm_sync._deliveries_of_row(p_table_name text, p_row_id text)
returns bigint[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if to_regclass(p_table_name) is not null then
        return crm_sync._deliveries_telling_of(p_table_name::regclass, p_row_id);
    end if;
    return array(
        select deliveries.delivery_id from crm_sync.deliveries
        where deliveries.row_id = p_row_id and deliveries.table_name = p_table_name);
end;
$$;

create function crm_sync._rows_of_person(p_email text, p_phone text)
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

create function crm_sync._rows_told_of_person(p_email text, p_phone text)
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

create function crm_sync._missed_changes_of(p_own_tables text[], p_own_row_ids text[], p_email text, p_phone text)
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

create function crm_sync._tells_of_person(p_record jsonb, p_email text, p_phone text)
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

create function crm_sync._bare_email(p_email text)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return nullif(lower(btrim(p_email)), '');
end;
$$;

create function crm_sync._phone_digits(p_phone text)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- The last nine: 06 12 34 56 78 and +33 6 12 34 56 78 are one.
    return nullif(right(regexp_replace(p_phone, '[^0-9]', '', 'g'), 9), '');
end;
$$;

create function crm_sync._found_by(p_email text, p_phone text)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    -- What was looked for is personal itself: the line says only by what.
    select jsonb_build_object('by', concat_ws(', ', case when p_email is not null then 'email' end, case when p_phone is not null then 'phone' end));
$$;

comment on function crm_sync.export_person(text, text, text) is
    'Everything known here of whoever has this email or this phone (settings.email_columns, phone_columns; either suffices): their rows in attached tables as they are now, each delivery that tells of them with its record, as long as that is kept, and, as kind ''missed change'', what capture could not write yet: data has the row before it, old, and after it, new, where they tell of them. Personal data: for their own request. Leaves a line that does not name them. Changes nothing. Role: crm_sync_operator. Errors: CS026 neither email nor phone, or a phone of fewer than six digits, CS051 a table was renamed since it was attached.';
comment on function crm_sync.erase_person(text, text, boolean, text) is
    'Empties the records of every delivery that tells of whoever has this email or this phone, and cancels those that wait, as erase() does for one row. Counts only, and says so (CS061), unless told p_count_only => false. The application''s own rows it leaves alone; what a receiver was told it keeps. Returns the rows found. Safe to repeat. Role: crm_sync_operator. Errors: CS026 neither email nor phone, or a phone of fewer than six digits, CS051 a table was renamed since it was attached.';
comment on function crm_sync._people(text, text) is 'Rows of a person, and rows that told of them once, with the deliveries that tell of them. Raises CS026 for neither email nor phone, or a phone that is too short to be one person''s.';
comment on function crm_sync._deliveries_of_row(text, text) is 'Deliveries that tell of a row, also where its table is gone.';
comment on function crm_sync._rows_of_person(text, text) is 'Rows of attached tables with this email (lower case) or phone (digits).';
comment on function crm_sync._rows_told_of_person(text, text) is 'Rows whose records in the ledger, or whose changes that capture missed, hold this email or phone.';
comment on function crm_sync._missed_changes_of(text[], text[], text, text) is
    'Changes that capture missed, of these rows, or of others where they hold this email (lower case) or phone (digits); old and new as far as they do.';
comment on function crm_sync._tells_of_person(jsonb, text, text) is 'Whether a record holds this email (lower case) or phone (digits) in one of the columns for them, at any depth.';
comment on function crm_sync._bare_email(text) is 'An email as they are compared: lower case, without blanks around it; null: there is none.';
comment on function crm_sync._phone_digits(text) is 'The last nine digits of a phone; null: there is none.';
comment on function crm_sync._found_by(text, text) is 'By what a person was looked for, without the value.';

revoke all on function crm_sync.export_person(text, text, text), crm_sync.erase_person(text, text, boolean, text),
    crm_sync._people(text, text), crm_sync._deliveries_of_row(text, text), crm_sync._rows_of_person(text, text), crm_sync._rows_told_of_person(text, text),
    crm_sync._missed_changes_of(text[], text[], text, text), crm_sync._tells_of_person(jsonb, text, text), crm_sync._bare_email(text), crm_sync._phone_digits(text), crm_sync._found_by(text, text) from public;
grant execute on function crm_sync.export_person(text, text, text), crm_sync.erase_person(text, text, boolean, text) to crm_sync_operator;
