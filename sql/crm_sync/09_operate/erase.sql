-- Removes one row's personal data from the ledger. What still waits is cancelled; the trace stays without the record.

create function crm_sync.erase(p_table regclass, p_row_id text, p_note text default null)
returns table (delivery_id bigint, status text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_ids bigint[] := array(
        select deliveries.delivery_id
        from crm_sync.deliveries
        where deliveries.row_id = p_row_id and deliveries.table_name = crm_sync._table_name(p_table)
    );
begin
    perform crm_sync._lock_keys_waiting(v_ids);
    update crm_sync.deliveries
    set record = null,
        last_error = null,
        status = case when deliveries.status = 'pending' then 'cancelled' else deliveries.status end,
        last_error_code = case when deliveries.status = 'pending' then 'erased' else deliveries.last_error_code end,
        finished_at = case when deliveries.status = 'pending' then clock_timestamp() else deliveries.finished_at end,
        is_parked = false
    where deliveries.delivery_id = any (v_ids);
    update crm_sync.delivery_attempts as attempts set error = null where attempts.delivery_id = any (v_ids);
    delete from crm_sync.capture_failures as failures
    where failures.table_name = crm_sync._table_name(p_table) and failures.row_ids = array[p_row_id];
    delete from crm_sync.related_changes as changes
    where changes.table_name = crm_sync._table_name(p_table) and changes.row_id = p_row_id;
    perform crm_sync._after_settle(v_ids, clock_timestamp());
    perform crm_sync._note_operation(
        'erase', jsonb_build_object('table', crm_sync._table_name(p_table), 'row_id', p_row_id), cardinality(v_ids), p_note);
    return query
    select deliveries.delivery_id, deliveries.status from crm_sync.deliveries where deliveries.delivery_id = any (v_ids) order by 1;
end;
$$;

comment on function crm_sync.erase(regclass, text, text) is
    'Empties the records of a row''s deliveries and cancels those that wait; one in flight ends with its outcome, and is not tried again. What the receiver was told it keeps. Returns the deliveries. Safe to repeat. Role: crm_sync_operator.';

revoke all on function crm_sync.erase(regclass, text, text) from public;
