-- The checks of health() on what capture missed: changes that it could not write, or not even store, rows without a delivery,
-- and errors that our own code caught.

create function crm_sync._check_capture_failures(p_now timestamptz)
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

create function crm_sync._check_unstored_changes()
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

create function crm_sync._check_missing_rows(p_now timestamptz)
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

create function crm_sync._check_faults(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_faults   text;
    v_concerns jsonb;
begin
    select string_agg(distinct concat_ws(': ', format('%s (SQLSTATE %s)', faults.place, faults.sql_state), faults.detail), '; '),
           jsonb_object_agg(faults.place, null)
    into v_faults, v_concerns
    from crm_sync.faults
    where faults.noticed_at > p_now - interval '10 minutes';
    return crm_sync._finding(
        v_faults is null, 'none in ten minutes', 'warning', v_faults,
        'select * from crm_sync.faults order by fault_id desc limit 20; green ten minutes after the last one.', v_concerns);
end;
$$;

comment on function crm_sync._check_capture_failures(timestamptz) is 'Check: nothing waits to be captured, but what was written under serializable, for settings.backlog_age_limit.';
comment on function crm_sync._check_unstored_changes() is 'Check: every change could at least be stored.';
comment on function crm_sync._check_missing_rows(timestamptz) is 'Check: find_missing() finds nothing of the last day, in the tables where it is quick.';
comment on function crm_sync._check_faults(timestamptz) is 'Check: our own code caught no error in ten minutes.';

revoke all on function crm_sync._check_capture_failures(timestamptz), crm_sync._check_unstored_changes(),
    crm_sync._check_missing_rows(timestamptz), crm_sync._check_faults(timestamptz) from public;
