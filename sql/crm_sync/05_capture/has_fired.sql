-- For conditions and joined values given to attach(): what the ledger knows about a row.

create function crm_sync.has_fired(p_table_name text, p_row_id text, p_route text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select exists (
            select from crm_sync.deliveries
            where deliveries.row_id = p_row_id
              and deliveries.table_name = p_table_name
              and deliveries.route = p_route
        )
    );
end;
$$;

comment on function crm_sync.has_fired(text, text, text) is
    'Whether the route was ever captured for this row, as far back as the ledger is kept (settings.keep_trace). Table as schema.table. Safe to repeat. Role: owner.';

revoke all on function crm_sync.has_fired(text, text, text) from public;
