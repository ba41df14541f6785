-- Captures what capture could not write, from the changes that its handler stored. In a block each: one table that was
-- changed under us holds up no other.

create function crm_sync._capture_missed(p_now timestamptz)
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

comment on function crm_sync._capture_missed(timestamptz) is 'Captures stored changes, oldest first; returns how many statements. One that fails again waits, longer each time, 5 minutes at most. Part of the tick.';

revoke all on function crm_sync._capture_missed(timestamptz) from public;
