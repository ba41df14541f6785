-- What a Database Webhook of Supabase does for a row, done anew: a row-level trigger whose arguments are url, method,
-- headers, params and timeout; it posts the row as it is and was, and keeps a line about the request in a table of hooks.
-- The original lives in the schema supabase_functions; only its name and its schema differ here.

drop table if exists bench.hooks;
create table bench.hooks (
    id            bigserial primary key,
    hook_table_id integer not null,
    hook_name     text not null,
    created_at    timestamptz not null default now(),
    request_id    bigint
);
create index hooks_request_idx on bench.hooks (request_id);
create index hooks_table_name_idx on bench.hooks (hook_table_id, hook_name);

create or replace function bench.http_request()
returns trigger
language plpgsql
security definer
set search_path = bench
as $$
declare
    v_url        text := tg_argv[0];
    v_method     text := tg_argv[1];
    v_headers    jsonb := '{"Content-Type": "application/json"}';
    v_params     jsonb := '{}';
    v_timeout    integer := 1000;
    v_request_id bigint;
begin
    if v_url is null or v_url = 'null' then
        raise exception 'url argument is missing';
    end if;
    if v_method is null or v_method = 'null' then
        raise exception 'method argument is missing';
    end if;
    if tg_argv[2] is not null and tg_argv[2] <> 'null' then
        v_headers := tg_argv[2]::jsonb;
    end if;
    if tg_argv[3] is not null and tg_argv[3] <> 'null' then
        v_params := tg_argv[3]::jsonb;
    end if;
    if tg_argv[4] is not null and tg_argv[4] <> 'null' then
        v_timeout := tg_argv[4]::integer;
    end if;
    case v_method
        when 'GET' then
            v_request_id := net.http_get(v_url, v_params, v_headers, v_timeout);
        when 'POST' then
            v_request_id := net.http_post(
                v_url,
                jsonb_build_object(
                    'old_record', old, 'record', new, 'type', tg_op, 'table', tg_table_name, 'schema', tg_table_schema),
                v_params, v_headers, v_timeout);
        else
            raise exception 'method argument % is invalid', v_method;
    end case;
    insert into bench.hooks (hook_table_id, hook_name, request_id) values (tg_relid, tg_name, v_request_id);
    return new;
end
$$;

create trigger stock_webhook
after insert or update on bench.stock_webhook
for each row
execute function bench.http_request(:url, 'POST', '{"Content-Type":"application/json"}', '{}', '5000');
