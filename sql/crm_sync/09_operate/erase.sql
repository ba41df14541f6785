-- Removes one row's personal data from the ledger. What still waits is cancelled; the trace stays without the record.

create function crm_sync.erase(p_table regclass, p_row_id text, p_note text default null)
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

create function crm_sync._erase_deliveries(p_delivery_ids bigint[])
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

create function crm_sync._erase_uncaptured(p_table_names text[], p_row_ids text[])
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

create function crm_sync._deliveries_telling_of(p_table regclass, p_row_id text)
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

create function crm_sync._rows_but(p_rows jsonb, p_row_ids text[], p_erased text[])
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_agg(rows.row order by rows.place) filter (where (p_row_ids[rows.place] = any (p_erased)) is not true), '[]')
    from jsonb_array_elements(p_rows) with ordinality as rows (row, place);
$$;

comment on function crm_sync.erase(regclass, text, text) is
    'Empties the records of a row''s deliveries, and of those that were read from it, as a request''s from its customer, as long as both rows are there and belong together: to be called before they are deleted. Of a row that is gone it empties its own, and warns (CS046) where others may tell of it: erase_person() finds those. Cancels those that wait; one in flight ends with its outcome, and is not tried again. What the receiver was told it keeps. Returns the deliveries. Safe to repeat. Role: crm_sync_operator. Errors: CS023 nothing was ever captured from the table, CS051 a table was renamed since it was attached, CS056 the table''s key can not be that.';
comment on function crm_sync._erase_deliveries(bigint[]) is 'Empties these deliveries'' records and errors, and cancels those that wait.';
comment on function crm_sync._erase_uncaptured(text[], text[]) is 'Takes rows, given as tables and ids, out of what is still to be captured.';
comment on function crm_sync._deliveries_telling_of(regclass, text) is 'Deliveries of a row, and those of others whose record was read from it, as far as the rows that are there can tell.';
comment on function crm_sync._rows_but(jsonb, text[], text[]) is 'The rows of a missed change without those of these ids.';

revoke all on function crm_sync.erase(regclass, text, text), crm_sync._rows_but(jsonb, text[], text[]),
    crm_sync._erase_deliveries(bigint[]), crm_sync._erase_uncaptured(text[], text[]), crm_sync._deliveries_telling_of(regclass, text) from public;
grant execute on function crm_sync.erase(regclass, text, text) to crm_sync_operator;
