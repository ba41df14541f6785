-- A customer was corrected: which requests does that change? Asked after the commit, by the tick, because a transaction
-- that inserts a request of theirs at the same moment sees neither the correction nor is it seen by it.

create table crm_sync.related_changes (
    related_change_id  bigint       generated always as identity primary key,
    table_name         text         not null,
    row_id             text         not null,
    changed_at         timestamptz  not null default clock_timestamp(),
    changed_in         xid8         not null default pg_current_xact_id(),
    horizon            xid8
);

alter table crm_sync.related_changes enable row level security;

comment on table crm_sync.related_changes is 'Changed rows whose effect on rows of other tables the tick has still to capture.';
comment on column crm_sync.related_changes.changed_in is 'The transaction of the change: whoever claimed with a snapshot that sees it has read the row as changed.';
comment on column crm_sync.related_changes.horizon is
    '0 from the first look to the second, then the id of that tick. Transactions older than this may have read the row before its change; not looked at again until all have ended.';

create policy related_changes_are_for_the_owner_alone on crm_sync.related_changes
    using (false);
