-- Stand-in for pg_net 0.20.4: its types, tables, functions, rights and error texts, in SQL. The background worker
-- behind it is scripts/local/net-worker.ts, which listens on the channel pg_net_wake.
-- Both tables and the id sequence are unlogged as in the original: a crash empties them and ids start again at 1.

create schema net;
comment on schema net is 'stand-in for pg_net 0.20.4';

create domain net.http_method as text
    check (value ilike 'get' or value ilike 'post' or value ilike 'delete');

create type net.request_status as enum ('PENDING', 'SUCCESS', 'ERROR');

create type net.http_response as (status_code integer, headers jsonb, body text);

create type net.http_response_result as (status net.request_status, message text, response net.http_response);

create unlogged table net.http_request_queue (
    id bigserial,
    method net.http_method not null,
    url text not null,
    headers jsonb,
    body bytea,
    timeout_milliseconds integer not null
);

create unlogged table net._http_response (
    id bigint,
    status_code integer,
    content_type text,
    headers jsonb,
    content text,
    timed_out boolean,
    error_msg text,
    created timestamptz not null default now()
);

create index _http_response_created_idx on net._http_response (created);

create function net._urlencode_string(string character varying)
returns text
language plpgsql
immutable
as $$
begin
    if string operator(pg_catalog.~) '^[A-Za-z0-9_.~-]*$' then
        return string;
    end if;
    return (
        select string_agg(
            case when v_byte between 48 and 57 or v_byte between 65 and 90 or v_byte between 97 and 122
                    or v_byte in (45, 46, 95, 126)
                then chr(v_byte)
                else '%' || upper(lpad(to_hex(v_byte), 2, '0'))
            end, '' order by n)
        from (
            select n, get_byte(convert_to(string, 'UTF8'), n) as v_byte
            from generate_series(0, octet_length(string) - 1) as n
        ) as bytes
    );
end
$$;

-- What libcurl's URL parser does with an address: refuses what it cannot parse, writes the scheme in lower case, gives an
-- empty path a slash, resolves dot segments, and puts the parameters before the fragment with lower-case escapes.
create function net._encode_url_with_params_array(url text, params_array text[])
returns text
language plpgsql
immutable
as $$
declare
    v_parts text[];
    v_scheme text;
    v_authority text;
    v_port text;
    v_path text;
    v_query text;
    v_fragment text;
    v_segment text;
    v_segments text[];
begin
    if url is null or params_array is null then
        return null;
    end if;
    -- the common case, before the slow one
    if cardinality(params_array) = 0 and url ~ '^https?://[A-Za-z0-9.-]+(:[0-9]{1,4})?/[A-Za-z0-9/_=?&-]*$' then
        return url;
    end if;

    v_scheme := lower(substring(url from '^([A-Za-z][A-Za-z0-9+.-]*):/'));
    if v_scheme is null then
        raise exception using errcode = 'XX000', message = format('invalid URL "%s": Bad scheme', url);
    end if;
    if v_scheme <> all (array[
        'http', 'https', 'ftp', 'ftps', 'file', 'dict', 'gopher', 'gophers', 'imap', 'imaps', 'ldap', 'ldaps', 'mqtt',
        'pop3', 'pop3s', 'rtsp', 'scp', 'sftp', 'smb', 'smbs', 'smtp', 'smtps', 'telnet', 'tftp', 'ws', 'wss'
    ]) then
        raise exception using errcode = 'XX000', message = format('invalid URL "%s": Unsupported URL scheme', url);
    end if;

    v_parts := regexp_match(url, '^[^:]+:/{1,3}([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?$');
    v_authority := v_parts[1];
    v_path := coalesce(nullif(v_parts[2], ''), '/');
    v_query := substr(v_parts[3], 2);
    v_fragment := coalesce(v_parts[4], '');
    if v_authority = '' then
        raise exception using errcode = 'XX000', message = format('invalid URL "%s": No host part in the URL', url);
    end if;
    if v_authority ~ '\s' then
        raise exception using errcode = 'XX000', message = format('invalid URL "%s": Bad hostname', url);
    end if;
    if v_path ~ '[\s[:cntrl:]]' then
        raise exception using errcode = 'XX000', message = format('invalid URL "%s": Bad path', url);
    end if;
    if v_query ~ '[\s[:cntrl:]]' then
        raise exception using errcode = 'XX000', message = format('invalid URL "%s": Bad query', url);
    end if;
    v_port := substring(v_authority from ':([^:@\]]*)$');
    if v_port <> '' and (v_port !~ '^[0-9]{1,10}$' or v_port::bigint > 65535) then
        raise exception using errcode = 'XX000', message = format(
            'invalid URL "%s": Port number was not a decimal number between 0 and 65535', url);
    end if;

    if v_path ~ '/\.\.?(/|$)' then
        foreach v_segment in array (string_to_array(v_path, '/'))[2:] loop
            if v_segment = '..' then
                v_segments := v_segments[:cardinality(v_segments) - 1];
            elsif v_segment <> '.' then
                v_segments := v_segments || v_segment;
            end if;
        end loop;
        v_path := '/' || coalesce(array_to_string(v_segments, '/'), '')
            || case when v_path ~ '/\.\.?$' and cardinality(v_segments) > 0 then '/' else '' end;
    end if;

    if cardinality(params_array) > 0 then
        foreach v_segment in array params_array loop
            continue when v_segment is null;
            -- libcurl writes escapes in lower case
            v_segment := (
                select string_agg(case when part ~ '^%[0-9A-Fa-f]{2}$' then lower(part) else part end, '' order by n)
                from regexp_matches(v_segment, '(%[0-9A-Fa-f]{2}|[^%]+|%)', 'g') with ordinality as split (parts, n),
                    unnest(parts) as part
            );
            v_query := case when coalesce(v_query, '') = '' then v_segment else v_query || '&' || v_segment end;
        end loop;
    end if;

    return v_scheme || '://' || v_authority || v_path || coalesce('?' || v_query, '') || v_fragment;
end
$$;

-- pg_notify is delivered at commit, once per transaction, and not at all after a rollback: what the original's commit callback does.
create function net.wake()
returns void
language sql
as $$
    select pg_catalog.pg_notify('pg_net_wake', '');
$$;

create function net.worker_restart()
returns boolean
language plpgsql
as $$
begin
    perform pg_catalog.pg_notify('pg_net_wake', 'restart');
    return true;
end
$$;

-- The original asks for a backend_type, which only a background worker has.
create function net.check_worker_is_up()
returns void
language plpgsql
as $$
begin
    if not exists (select pid from pg_stat_activity where application_name ilike 'pg_net 0.20.4%') then
        raise exception using
            message = 'the pg_net background worker is not up',
            detail = 'the pg_net background worker is down due to an internal error and cannot process requests',
            hint = 'make sure that you didn''t modify any of pg_net internal tables';
    end if;
end
$$;

create function net.wait_until_running()
returns void
language plpgsql
as $$
begin
    while not exists (select from pg_stat_activity where application_name ilike 'pg_net 0.20.4%') loop
        perform pg_sleep(0.05);
        perform pg_stat_clear_snapshot();
    end loop;
end
$$;

create function net._await_response(request_id bigint)
returns boolean
language plpgsql
as $$
declare
    rec net._http_response;
begin
    while rec is null loop
        select *
        into rec
        from net._http_response
        where id = request_id;

        if rec is null then
            perform pg_sleep(0.05);
        end if;
    end loop;

    return true;
end
$$;

create function net._http_collect_response(request_id bigint, async boolean default true)
returns net.http_response_result
language plpgsql
as $$
declare
    rec net._http_response;
begin
    if not async then
        perform net._await_response(request_id);
    end if;

    select *
    into rec
    from net._http_response
    where id = request_id;

    if rec is null or rec.error_msg is not null then
        return (
            'ERROR',
            coalesce(rec.error_msg, 'request matching request_id not found'),
            null
        )::net.http_response_result;
    end if;

    return (
        'SUCCESS',
        'ok',
        (rec.status_code, rec.headers, rec.content)::net.http_response
    )::net.http_response_result;
end
$$;

-- Broken in the original too: it always ends in 42601.
create function net.http_collect_response(request_id bigint, async boolean default true)
returns net.http_response_result
language plpgsql
as $$
begin
    raise notice 'The net.http_collect_response function is deprecated.';
    select net._http_collect_response(request_id, async);
end
$$;

create function net.http_get(
    url text,
    params jsonb default '{}'::jsonb,
    headers jsonb default '{}'::jsonb,
    timeout_milliseconds integer default 5000
)
returns bigint
language plpgsql
as $$
declare
    request_id bigint;
    params_array text[];
begin
    select coalesce(array_agg(net._urlencode_string(key) || '=' || net._urlencode_string(value)), '{}')
    into params_array
    from jsonb_each_text(params);

    insert into net.http_request_queue (method, url, headers, timeout_milliseconds)
    values ('GET', net._encode_url_with_params_array(url, params_array), headers, timeout_milliseconds)
    returning id into request_id;

    perform net.wake();

    return request_id;
end
$$;

create function net.http_post(
    url text,
    body jsonb default '{}'::jsonb,
    params jsonb default '{}'::jsonb,
    headers jsonb default '{"Content-Type": "application/json"}'::jsonb,
    timeout_milliseconds integer default 5000
)
returns bigint
language plpgsql
as $$
declare
    request_id bigint;
    params_array text[];
    content_type text;
begin
    select header_value
    into content_type
    from jsonb_each_text(coalesce(headers, '{}'::jsonb)) as r (header_name, header_value)
    where lower(header_name) = 'content-type'
    limit 1;

    if content_type is null then
        select headers || '{"Content-Type": "application/json"}'::jsonb into headers;
    end if;

    if content_type <> 'application/json' then
        raise exception 'Content-Type header must be "application/json"';
    end if;

    select coalesce(array_agg(net._urlencode_string(key) || '=' || net._urlencode_string(value)), '{}')
    into params_array
    from jsonb_each_text(params);

    insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
    values (
        'POST',
        net._encode_url_with_params_array(url, params_array),
        headers,
        convert_to(body::text, 'UTF8'),
        timeout_milliseconds
    )
    returning id into request_id;

    perform net.wake();

    return request_id;
end
$$;

create function net.http_delete(
    url text,
    params jsonb default '{}'::jsonb,
    headers jsonb default '{}'::jsonb,
    timeout_milliseconds integer default 5000,
    body jsonb default null::jsonb
)
returns bigint
language plpgsql
as $$
declare
    request_id bigint;
    params_array text[];
begin
    select coalesce(array_agg(net._urlencode_string(key) || '=' || net._urlencode_string(value)), '{}')
    into params_array
    from jsonb_each_text(params);

    insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
    values (
        'DELETE',
        net._encode_url_with_params_array(url, params_array),
        headers,
        convert_to(body::text, 'UTF8'),
        timeout_milliseconds
    )
    returning id into request_id;

    perform net.wake();

    return request_id;
end
$$;

-- Everybody may read and write the tables, as with the original; its owner alone could take that back.
grant usage on schema net to public;
grant usage on schema net to supabase_functions_admin, postgres, anon, authenticated, service_role;
grant all on net.http_request_queue, net._http_response to public;
grant all on sequence net.http_request_queue_id_seq to public;

select stand_in.register_extension('pg_net', '0.20.4', 'extensions');
