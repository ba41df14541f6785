-- What capture could not write, or leaves to the tick under serializable (CS064): the changes of one statement, kept until
-- the tick has captured them. Called by the generated capture functions; the application's write goes on.

create table crm_sync.capture_failures (
    capture_failure_id  bigint       generated always as identity primary key,
    table_name          text         not null,
    operation           text         not null,
    row_ids             text[],
    old_rows            jsonb        not null,
    new_rows            jsonb        not null,
    sql_state           text         not null,
    detail              text,
    retry_count         int          not null default 0,
    next_retry_at       timestamptz  not null default now(),
    failed_at           timestamptz  not null default clock_timestamp(),
    left_out            text[],
    left_out_as         text,
    table_oid           oid
);

create index capture_failures_due_idx on crm_sync.capture_failures (next_retry_at);

alter table crm_sync.capture_failures enable row level security;

create function crm_sync._capture_failed(
    p_table_name text, p_operation text, p_old_rows jsonb, p_new_rows jsonb, p_row_ids text[],
    p_sql_state text, p_message text, p_left_out text[], p_table_oid oid
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '20ms'
as $$
begin
    insert into crm_sync.capture_failures (
        table_name, operation, row_ids, old_rows, new_rows, sql_state, detail, left_out, left_out_as, table_oid
    )
    values (
        p_table_name, p_operation, p_row_ids, coalesce(p_old_rows, '[]'), coalesce(p_new_rows, '[]'),
        p_sql_state, crm_sync._harmless_message(p_sql_state, p_message), p_left_out,
        case
            when p_left_out is null then null
            -- As the transaction spells it: what capture made of that is rolled back here.
            when crm_sync._is_capture_off() then 'capture_off'
            else 'from_origin'
        end,
        p_table_oid
    );
exception when others then
    perform nextval('crm_sync.unstored_changes');
    raise log 'crm-sync: rows of % missed by capture (SQLSTATE %) and not stored (SQLSTATE %)', p_table_name, p_sql_state, sqlstate;
end;
$$;

comment on table crm_sync.capture_failures is
    'Changes that capture could not write, or left to the tick under serializable; the tick captures them as soon as it can. Holds personal data until then.';
comment on column crm_sync.capture_failures.new_rows is 'The changed rows, as the statement left them; whole, because a condition may use any column.';
comment on column crm_sync.capture_failures.left_out is 'Destinations that are not told, by crm_sync.capture or crm_sync.origin of the transaction; null: all are.';
comment on column crm_sync.capture_failures.left_out_as is 'Under which error code their deliveries are cancelled: capture_off, from_origin.';
comment on column crm_sync.capture_failures.table_oid is 'By which the table is known again if it bears another name by then.';
comment on function crm_sync._capture_failed(text, text, jsonb, jsonb, text[], text, text, text[], oid) is
    'Stores a statement''s changes for the tick, or leaves word that it could not.';

revoke all on function crm_sync._capture_failed(text, text, jsonb, jsonb, text[], text, text, text[], oid) from public;

create policy capture_failures_are_for_the_owner_alone on crm_sync.capture_failures
    using (false);
