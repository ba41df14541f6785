-- What would be sent for a row as it is now: the function maps it and masks the values, and calls nobody. Two calls, because
-- an answer comes only after the commit and nothing here waits. In no envelope of the ledger: reconcile takes no notice.

create function crm_sync.dry_run(p_table regclass, p_row_id text, p_note text default null)
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

create function crm_sync.dry_run_request(p_table regclass, p_row_id text, p_note text default null)
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

create function crm_sync._dry_run_body(p_table regclass, p_row_id text, p_dry_run jsonb)
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

create function crm_sync._require_postable(p_deliveries jsonb)
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

create function crm_sync._dry_envelope(p_deliveries jsonb, p_dry_run jsonb)
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

create function crm_sync._dry_delivery(p_delivery crm_sync.deliveries, p_record jsonb, p_ordering_key text)
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

create function crm_sync._dry_deliveries(p_table_name text, p_row_id text)
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

create function crm_sync._dry_read(p_delivery crm_sync.deliveries)
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

create function crm_sync.dry_run_result(p_dry_run_id uuid)
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

create function crm_sync._dry_run_answer(p_dry_run_id uuid)
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
    'Asks the function what it would send for a row as it is now, for each route that it fires; nothing is sent to a receiver and nothing stays in the ledger. Its body passes pg_net''s queue as any other. The answer, with masked values, a second later: dry_run_result(dry_run_id). Safe to repeat. Role: crm_sync_operator. Errors: CS010 Vault is not set up, CS023 nothing is captured from the table, CS029 no such row, CS031 no route fires, CS037 a delivery is too large to be sent, CS047 a record can not be read, CS048 all of them together are too large for one request to pg_net, CS056 the table''s key can not be that.';
comment on function crm_sync.dry_run_result(uuid) is
    'The answer to a dry run. would: send, reject (the record is at fault), misconfigured, wait (no answer yet), fail (no usable one). payload: letters as x, digits as 0, numbers as "<number>", words of the mapper''s own in clear. Waits for nothing; safe to repeat for 6 hours. Role: crm_sync_operator. Error: CS032 no such dry run.';
comment on function crm_sync.dry_run_request(regclass, text, text) is
    'The same question for who asks the function by themselves (npm run ops -- dry-run --whole): its answer holds the values in clear, which pg_net''s tables must not. POST the body, byte by byte, with these headers to the url within 2 minutes. Leaves a line in crm_sync.operations. Safe to repeat. Role: owner. Errors: as dry_run(), but for sizes.';
comment on function crm_sync._dry_run_body(regclass, text, jsonb) is 'What the function is asked; p_dry_run: true, or "whole" for values in clear.';
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
grant execute on function crm_sync.dry_run(regclass, text, text), crm_sync.dry_run_result(uuid) to crm_sync_operator;
