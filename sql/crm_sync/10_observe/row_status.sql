-- How a row stands, in a few words for the office. Of several routes the one that needs somebody comes first, then what
-- waits, then the newest. Definer: readers have no rights on the ledger's other tables.

create function crm_sync.row_status(p_table regclass, p_row_id text, p_now timestamptz default clock_timestamp())
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

create function crm_sync._office_time(p_at timestamptz, p_now timestamptz)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select to_char(p_at at time zone settings.office_time_zone,
                   case when (p_at at time zone settings.office_time_zone)::date = (p_now at time zone settings.office_time_zone)::date
                        then 'HH24:MI' else 'YYYY-MM-DD HH24:MI' end)
    from crm_sync.settings;
$$;

create function crm_sync._why_waiting(p_delivery crm_sync.deliveries, p_now timestamptz)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_state   text := crm_sync._destination_state(p_delivery.destination);
    v_breaker crm_sync.breakers;
begin
    select * into v_breaker from crm_sync.breakers
    where breakers.breaker = case when v_state = 'function down' then 'function' else p_delivery.destination end;
    return case
        when v_state = 'stopped' then 'sending is stopped'
        when v_state = 'a copy' then 'this is a copy, which sends nothing'
        when v_state = 'paused' then p_delivery.destination || ' is paused'
        when v_state = 'function down' then 'sending is down since ' || crm_sync._office_time(v_breaker.opened_at, p_now)
        when v_state = 'down' then format('%s down since %s', p_delivery.destination, crm_sync._office_time(v_breaker.opened_at, p_now))
        when v_state = 'misconfigured' or p_delivery.last_outcome = 'misconfigured'
            then format('%s is not set up (%s)', p_delivery.destination, coalesce(p_delivery.last_error_code, v_breaker.reason))
        when p_delivery.is_parked then 'an earlier change goes first'
        when p_delivery.last_outcome is null or p_delivery.next_attempt_at <= p_now then 'it is sent next'
        when p_delivery.attempt_count = 0 then 'not sent yet, again at ' || crm_sync._office_time(p_delivery.next_attempt_at, p_now)
        else format('tried %s times, again at %s', p_delivery.attempt_count, crm_sync._office_time(p_delivery.next_attempt_at, p_now))
    end;
end;
$$;

create function crm_sync._why_dead(p_delivery crm_sync.deliveries)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return case
        when p_delivery.last_error_code = 'invalid_record' and p_delivery.last_error is not null
            -- 'quantity: expected …; unit_price: expected …'
            then 'needs correction: ' || array_to_string(array(
                select matches.match[1] from regexp_matches(p_delivery.last_error, '(?:^|; )([A-Za-z0-9_.]+): expected', 'g') as matches (match)), ', ')
        when p_delivery.last_outcome = 'reject' then format(
            'needs correction: refused by %s%s', p_delivery.destination, coalesce(' (' || p_delivery.last_status || ')', ''))
        else 'not delivered: ' || replace(coalesce(p_delivery.last_error_code, 'attempts used up'), '_', ' ')
    end;
end;
$$;

comment on function crm_sync.row_status(regclass, text, timestamptz) is
    'A few words on a row: ''delivered 14:02'', ''waiting: monelec down since 13:50'', ''needs correction: quantity'', ''nothing to send''. Times by settings.office_time_zone, with the date unless it is today. Changes nothing; no personal data. Roles: crm_sync_reader, crm_sync_operator; for the dashboard public.crm_sync_row_status(). Errors: CS023 nothing is captured from this table, CS056 its key can not be that.';
comment on function crm_sync._office_time(timestamptz, timestamptz) is 'A time by the office''s clock; with its date unless that is today.';
comment on function crm_sync._why_waiting(crm_sync.deliveries, timestamptz) is 'What a pending delivery waits for, in words.';
comment on function crm_sync._why_dead(crm_sync.deliveries) is 'What is wrong with a dead delivery: the fields to correct where they are known.';

revoke all on function crm_sync.row_status(regclass, text, timestamptz), crm_sync._office_time(timestamptz, timestamptz),
    crm_sync._why_waiting(crm_sync.deliveries, timestamptz), crm_sync._why_dead(crm_sync.deliveries) from public;
grant execute on function crm_sync.row_status(regclass, text, timestamptz) to crm_sync_reader, crm_sync_operator;
