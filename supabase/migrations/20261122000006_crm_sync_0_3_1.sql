-- Generated from sql/crm_sync/ by npm run migrations: from 0.3.0 to 0.3.1. Change the source, not this file.

-- Until this has ended every tick finds the row locked, and ends at once; one that runs is waited for.
select from crm_sync.settings for update;

-- sql/crm_sync/01_setup/version.sql

-- Which release this is: package.json has the same, and a check compares them.

create or replace function crm_sync.version()
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select '0.3.1'
$$;

-- sql/crm_sync/07_retry/mended.sql

create or replace function crm_sync._look_for_mended(p_now timestamptz default clock_timestamp())
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform crm_sync._recapture_mended(array(
        select deliveries.delivery_id from crm_sync.deliveries
        where deliveries.status = 'dead' and deliveries.finished_at > p_now - interval '1 day'
    ));
end;
$$;

create or replace function crm_sync._recapture_if_changed(p_table_name text, p_row_id text, p_route text, p_told jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_rows jsonb := crm_sync._rows(p_table_name, array[p_row_id]);
begin
    -- No row, no columns to compare, or the same values: nothing was mended. As text: a record may hold 42 as "42". The ledger
    -- is asked after the row was read: who has mended it since, and was captured, is seen.
    if v_rows -> 0 is not null and exists (
        select from jsonb_each_text(p_told) as told where v_rows -> 0 ->> told.key is distinct from told.value
    ) and crm_sync._last_is_dead(p_table_name, p_row_id, p_route) then
        perform crm_sync._recapture(p_table_name, 'UPDATE', '[]', v_rows, array[p_route]);
    end if;
exception when others then
    perform crm_sync._note_fault('mended row of ' || p_table_name, sqlstate, sqlerrm);
end;
$$;

comment on function crm_sync._look_for_mended(timestamptz) is
    'The same for what went dead within a day. Scheduled by start(), every ten minutes. Safe to repeat: what it fires is the row''s last delivery then.';

comment on function crm_sync._recapture_if_changed(text, text, text, jsonb) is
    'Fires a route for a row if one of these values has changed, its last delivery is dead, and its condition holds; never raises.';

revoke all on function crm_sync._recapture_mended(bigint[]), crm_sync._look_for_mended(timestamptz),
    crm_sync._recapture_if_changed(text, text, text, jsonb),
    crm_sync._pick(jsonb, text[]) from public;

-- sql/crm_sync/08_reconcile/missed.sql

-- Captures what capture could not write, from the changes that its handler stored. In a block each: one table that was
-- changed under us holds up no other. And no row the others of its statement: where one's values are at fault the statement
-- is taken apart, in halves, until it stands alone.

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
            if crm_sync._is_about_a_row(sqlstate) and crm_sync._take_apart(v_failure) then
                continue;
            end if;
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

create or replace function crm_sync._take_apart(p_failure crm_sync.capture_failures, p_max_parts int default 200)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_middle int := jsonb_array_length(p_failure.new_rows) / 2;
    v_half   crm_sync.capture_failures;
begin
    -- Where many rows are at fault it is not they: then it waits as it is.
    if v_middle = 0
       or (select count(*) from crm_sync.capture_failures as failures where failures.table_name = p_failure.table_name) >= p_max_parts
    then
        return false;
    end if;
    v_half := crm_sync._rows_between(p_failure, v_middle + 1, v_middle * 2 + 1);
    insert into crm_sync.capture_failures (
        table_name, operation, row_ids, old_rows, new_rows, sql_state, detail, retry_count, next_retry_at, failed_at,
        left_out, left_out_as, table_oid
    )
    select v_half.table_name, v_half.operation, v_half.row_ids, v_half.old_rows, v_half.new_rows, v_half.sql_state, v_half.detail,
           v_half.retry_count, v_half.next_retry_at, v_half.failed_at, v_half.left_out, v_half.left_out_as, v_half.table_oid;
    v_half := crm_sync._rows_between(p_failure, 1, v_middle);
    update crm_sync.capture_failures as failures
    set row_ids = v_half.row_ids, old_rows = v_half.old_rows, new_rows = v_half.new_rows
    where failures.capture_failure_id = p_failure.capture_failure_id;
    return true;
end;
$$;

create or replace function crm_sync._rows_between(p_failure crm_sync.capture_failures, p_from int, p_to int)
returns crm_sync.capture_failures
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_key text[] := array(select keys.column_name from crm_sync._primary_key(p_failure.table_name::regclass) as keys);
begin
    p_failure.row_ids := p_failure.row_ids[p_from:p_to];
    p_failure.new_rows := (
        select jsonb_agg(rows.value order by rows.place)
        from jsonb_array_elements(p_failure.new_rows) with ordinality as rows (value, place)
        where rows.place between p_from and p_to
    );
    p_failure.old_rows := (
        select coalesce(jsonb_agg(rows.value), '[]')
        from jsonb_array_elements(p_failure.old_rows) as rows (value)
        where crm_sync._pick(rows.value, v_key) in (
            select crm_sync._pick(taken.value, v_key) from jsonb_array_elements(p_failure.new_rows) as taken (value)
        )
    );
    return p_failure;
end;
$$;

comment on function crm_sync._take_apart(crm_sync.capture_failures, int) is
    'Makes of a stored statement two, of half its rows each, both due as it is; false: it is of one row, or so many wait already.';

comment on function crm_sync._rows_between(crm_sync.capture_failures, int, int) is 'A stored statement with some of its rows alone, by their places, as they were and as they are.';

revoke all on function crm_sync._capture_missed(timestamptz), crm_sync._take_apart(crm_sync.capture_failures, int),
    crm_sync._rows_between(crm_sync.capture_failures, int, int) from public;

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
           ('crm_sync_wake', '*/10 * * * *', crm_sync._under_read_committed(
               'crm_sync', 'perform crm_sync._wake_forgotten_keys(); perform crm_sync._look_for_mended();')),
           ('crm_sync_alert', '* * * * *', crm_sync._under_read_committed('crm_sync', 'perform crm_sync.alert();')),
           ('crm_sync_purge', '17 * * * *', crm_sync._purge_command()),
           ('crm_sync_repair', '43 4 * * *', crm_sync._under_read_committed('crm_sync', 'perform crm_sync.repair_missing();'));
end;
$$;

select crm_sync._finish_upgrade();
