-- What @supabase/supabase-js calls: rpc('crm_sync_redeliver', { p_table: 'requests', p_row_id: id }). Invoker functions;
-- who may is decided behind them. Not for anon.

create function public.crm_sync_deliveries(
    p_table text default null, p_row_id text default null, p_status text default null,
    p_before bigint default null, p_limit int default 50
)
returns table (
    delivery_id bigint, captured_at timestamptz, route text, destination text, table_name text, row_id text, status text,
    attempt_count int, next_attempt_at timestamptz, last_status int, last_error_code text, last_error text, finished_at timestamptz
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select * from crm_sync.dashboard_deliveries(p_table, p_row_id, p_status, p_before, p_limit);
$$;

create function public.crm_sync_row_status(p_table text, p_row_id text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select crm_sync.dashboard_row_status(p_table, p_row_id);
$$;

create function public.crm_sync_redeliver(
    p_delivery_ids bigint[] default null, p_table text default null, p_row_id text default null, p_note text default null
)
returns table (delivery_id bigint, redelivered boolean, status text, reason text)
language sql
set search_path = pg_catalog, pg_temp
as $$
    select * from crm_sync.dashboard_redeliver(p_delivery_ids, p_table, p_row_id, p_note);
$$;

create function public.crm_sync_health()
returns table (check_name text, level text, detail text, mend text)
language sql
set search_path = pg_catalog, pg_temp
as $$
    select * from crm_sync.dashboard_health();
$$;

comment on function public.crm_sync_deliveries(text, text, text, bigint, int) is
    'Deliveries, newest first, 50 by default and 1,000 at most; by table, row id and status; p_before: those before this id. No personal data, changes nothing. For administrators (crm_sync.settings.administrator_claim) and the server''s key. Errors: 42501 not an administrator, CS023 nothing is captured from the table, CS024 no such status, CS056 the table''s key can not be that.';
comment on function public.crm_sync_row_status(text, text) is
    'A row in a few words: ''delivered 14:02'', ''waiting: monelec down since 13:50'', ''needs correction: quantity''. Changes nothing. For administrators. Errors: 42501 not an administrator, CS023 nothing is captured from the table, CS056 its key can not be that.';
comment on function public.crm_sync_redeliver(bigint[], text, text, text) is
    'Sends deliveries again, by their ids or the newest of each route of a row; says of each its new status, or why it was refused. Leaves a line in crm_sync.operations. Safe to repeat: what is pending stays so. For administrators. Errors: 42501 not an administrator, CS023 nothing is captured from the table, CS025 neither ids nor a row, CS056 the table''s key can not be that.';
comment on function public.crm_sync_health() is 'crm_sync.health(), for a status page. Changes nothing. For administrators. Error: 42501 not an administrator.';

revoke all on function public.crm_sync_deliveries(text, text, text, bigint, int), public.crm_sync_row_status(text, text),
    public.crm_sync_redeliver(bigint[], text, text, text), public.crm_sync_health() from public;
