-- The last resort of capture: where ledger and capture_failures are both locked, as by a migration that changes both, all
-- that can be kept is that something was missed. A sequence takes no lock that a table's can hold up, and no rollback.

create sequence crm_sync.unstored_changes;

create table crm_sync.unstored_seen (
    only_row       boolean      primary key default true,
    value          bigint       not null default 0,
    changed_since  timestamptz,
    horizon        xid8,
    constraint there_is_only_one_row check (only_row)
);

insert into crm_sync.unstored_seen default values;

alter table crm_sync.unstored_seen enable row level security;

comment on sequence crm_sync.unstored_changes is 'Moves whenever a change could be neither captured nor stored; the tick then looks for what is missing.';
comment on table crm_sync.unstored_seen is 'How far the tick has looked after unstored changes.';
comment on column crm_sync.unstored_seen.changed_since is 'Rows changed since then are looked at once more; null: nothing is due.';
comment on column crm_sync.unstored_seen.horizon is '0 from the first look to the next tick, then that one''s id. The second look is due when every transaction older than this has ended: a missed change may not be committed yet.';

create policy unstored_seen_is_for_the_owner_alone on crm_sync.unstored_seen
    using (false);
