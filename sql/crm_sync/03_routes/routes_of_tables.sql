-- What attach() was told, one row for each table and route: the source from which the capture functions are generated.

create table crm_sync.attachments (
    table_name    text         not null,
    route         text         not null references crm_sync.routes (route),
    watched       text[]       not null,
    columns       text[]       not null,
    ordering_key  text         not null,
    condition     text         not null default 'true',
    transition    text         not null default 'true',
    joined        text,
    attached_at   timestamptz  not null default clock_timestamp(),
    attached_table  regclass,
    primary key (table_name, route)
);

create index attachments_of_route_idx on crm_sync.attachments (route);

create table crm_sync.related_attachments (
    table_name    text         not null,
    route         text         not null,
    target_table  text         not null,
    watched       text[]       not null,
    affected      text         not null,
    attached_at   timestamptz  not null default clock_timestamp(),
    primary key (table_name, route),
    constraint target_is_attached foreign key (target_table, route)
        references crm_sync.attachments (table_name, route) on delete cascade
);

create index related_attachments_of_target_idx on crm_sync.related_attachments (target_table, route);

alter table crm_sync.attachments enable row level security;
alter table crm_sync.related_attachments enable row level security;

comment on table crm_sync.attachments is 'Which rows of which table fire which route; written by attach(), read by reattach().';
comment on column crm_sync.attachments.watched is 'Columns whose change fires the route.';
comment on column crm_sync.attachments.columns is 'Columns that the record holds; nothing else of the row leaves the database.';
comment on column crm_sync.attachments.ordering_key is 'SQL text over new.';
comment on column crm_sync.attachments.condition is 'SQL boolean over new: the route is about this row as it is now.';
comment on column crm_sync.attachments.transition is 'SQL boolean over new and old (all null on insert): what must have happened for the route to fire.';
comment on column crm_sync.attachments.joined is 'SQL jsonb object over this (the row): what the record takes from other tables, read at the first claim.';
comment on column crm_sync.attachments.attached_table is
    'The table that bore the name at the last attach() or reattach(), whatever it is called now; null: not known. A dump holds its name, not its oid.';
comment on table crm_sync.related_attachments is 'Tables whose change is a change of other tables'' rows, as a customer''s is of their requests.';
comment on column crm_sync.related_attachments.affected is 'SQL query over new: primary keys, as text, of the affected rows of target_table.';

grant select on crm_sync.attachments, crm_sync.related_attachments to crm_sync_reader, crm_sync_operator;

create policy readers_see_attachments on crm_sync.attachments
    for select to crm_sync_reader, crm_sync_operator using (true);
create policy readers_see_related_attachments on crm_sync.related_attachments
    for select to crm_sync_reader, crm_sync_operator using (true);

create function crm_sync._attached_tables()
returns setof text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select attachments.table_name from crm_sync.attachments
    union
    select related.table_name from crm_sync.related_attachments as related
    order by 1;
$$;

comment on function crm_sync._attached_tables() is 'Every table from which something is captured, also for the sake of others'' rows, by name.';

revoke all on function crm_sync._attached_tables() from public;
